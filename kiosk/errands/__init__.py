"""Errands: one folder each, with its journey (a linear coroutine that reads as the holder's story), views, samples and texts.

A journey draws no pixel and names no bus: it is given an `ErrandContext` (`ask`: one question, one answer; the station's
capabilities; the errand's log), and returns how it ended. Time-outs, a pulled card and crashes belong to the supervisor.
"""
