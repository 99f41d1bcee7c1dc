"""Time that a test waits for what should come. It ends what hangs, and asserts nothing.

Shorter than the time-out of a test as a whole, so that the failure names what did not come.
"""

LIMIT_S = 120.0
