"""Guards of batches that cannot be undone: retention, deadlines, holds, blocks, dates that are signed.

Two rules, one place: nothing irreversible happens by itself while the server's clock has leapt, nor to more than a share of the
rows in a day. `service` decides and keeps what waits for a person, `watch` looks at the clock, `cli`, `api` and `pages` ask.
"""
