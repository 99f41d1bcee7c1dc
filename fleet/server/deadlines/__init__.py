"""What happens by itself, and when: rules as data, judged against orders, people and certificates; each deed once.

`settings` reads the rules, `due` counts days, `clockwork` says whether the clock may be believed: all pure. `service` looks
and acts, `desk` shows.
"""
