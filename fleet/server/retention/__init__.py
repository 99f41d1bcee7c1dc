"""Data retention and erasure: content goes, the chain and the counts stay.

Start with `settings` (the periods), `residue` (what is left of an event) and `retention_run` (one run over the store).
"""
