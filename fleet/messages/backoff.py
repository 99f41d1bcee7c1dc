"""Retry with random back-off: when to try again, so that ten thousand stations do not return in the same second.

The first delay is uniform in 0 to `first_s`, the later ones in 0 to min(60, 2·2^k) seconds; 60 s of stable connection
begin anew. `draw(low, high)` gives a number between the two; tests pass their own.

>>> backoff = Backoff(first_s=10, draw=lambda low, high: high)
>>> [backoff.next_s() for _ in range(7)]
[10, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
"""

import random
from collections.abc import Callable

LIMIT_S = 60.0
STABLE_S = 60.0


class Backoff:
    """The delays of one link."""

    def __init__(self, first_s: float = 10.0, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._first_s = first_s
        self._draw = draw
        self._tries = 0

    def next_s(self) -> float:
        """Return the time to wait before the next try, in seconds, and count that try."""
        ceiling = self._first_s if self._tries == 0 else min(LIMIT_S, 2.0 * 2.0 ** (min(self._tries, 10) - 1))
        self._tries += 1
        return self._draw(0.0, ceiling)

    def connected_for(self, seconds: float) -> None:
        """A connection has ended that stood so long."""
        if seconds >= STABLE_S:
            self._tries = 0

    def reset(self) -> None:
        """Begin anew: somebody has just allowed the link."""
        self._tries = 0
