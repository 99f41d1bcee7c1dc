"""Timelines: the whole story of one card or person, across orders, stock, errands, issuer, deadlines and alerts."""
