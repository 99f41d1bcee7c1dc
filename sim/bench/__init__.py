"""The bench: a world of virtual devices for one station, and the window in which a person moves them.

The world lives in the station's process, because its devices do; it keeps its state in a folder, so cutting the power
(killing the process) leaves cards, slots and paper as they lay. The window is a program of its own and speaks to the
world over a local socket, as tests do.
"""
