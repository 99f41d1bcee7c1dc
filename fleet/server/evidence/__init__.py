"""Evidence files: one file that shows to anybody what a station has told of an errand, a card, an order or some days.

`docs/evidence.md` says what is in one and what it proves, so that others can write a verifier of their own.
"""
