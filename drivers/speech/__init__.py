"""Speech output: sentences of the screen, said aloud by a speech synthesizer behind a port.

Rules: what is said comes from a view and nowhere else; a sentence is given to the synthesizer's input, never to its command
line, where every program of the machine could read it; whoever stops waiting for a sentence silences it at once.
"""
