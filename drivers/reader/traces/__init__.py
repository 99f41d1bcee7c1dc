"""Traces of cards: what a reading exchanged with one, without codes and personal data, and a twin that plays it."""
