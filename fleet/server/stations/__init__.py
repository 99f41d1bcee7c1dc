"""Stations: their state, lists, charts, exports, and identities that are used twice."""
