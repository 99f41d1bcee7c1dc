"""Codes (PIN, PUK): a new card's code, unlocking with the PUK, and what a torn command leaves."""
