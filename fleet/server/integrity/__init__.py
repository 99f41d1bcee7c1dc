"""Integrity of the store: whether it holds what its own chains say, checked as a whole or since the last time."""
