"""Harness of the errands' stories: a room with a station, its cards and devices, and people who do what a story says.

Each errand's `stories.py` is a table that is played here, without a window; a station never loads either.
"""
