"""Journeys: each errand as a linear coroutine that reads as the holder's story. Ask, check, act, say.

A journey draws no pixel and names no bus: it is given `ask` (one question, one answer), a `Desk` of narrow capabilities and
the errand's log, and returns how it ended. Time-outs, a pulled card and crashes belong to the supervisor.
"""
