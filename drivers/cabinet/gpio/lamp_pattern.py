"""Blink patterns of the status lamp: steady, or slow. Pure.

Rules: nothing here changes faster than once in `SHORTEST_S`, so the lamp never flashes more than three times a second
(EN 301 549, WCAG 2 criterion 2.3.1), and every pattern of the table has a period of at least a second. The patterns differ
by how long the lamp is dark, so that they can be told apart without colour.

>>> SLOW_BLINK.period_s
2.0
>>> Pattern("strobe", (Phase(True, 0.05), Phase(False, 0.05)))
Traceback (most recent call last):
ValueError: the pattern 'strobe' changes faster than every 0.17 s
"""

import math
from dataclasses import dataclass

SHORTEST_S = 0.17
"""Between two changes of the lamp, whatever it is told: two changes are one flash, so under three flashes a second."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Lit or dark, for so many seconds."""

    lit: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """Phases, over and over. Raises ValueError for one that would flash too fast."""

    name: str
    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        if not self.phases or any(phase.seconds < SHORTEST_S for phase in self.phases):
            raise ValueError(f"the pattern {self.name!r} changes faster than every {SHORTEST_S} s")

    @property
    def period_s(self) -> float:
        """Seconds until it begins anew."""
        return sum(phase.seconds for phase in self.phases)


OFF = Pattern("off", (Phase(False, math.inf),))
STEADY = Pattern("steady", (Phase(True, math.inf),))
SLOW_BLINK = Pattern("slow blink", (Phase(True, 1.0), Phase(False, 1.0)))
"""As long dark as lit."""
WINK = Pattern("wink", (Phase(True, 2.7), Phase(False, 0.3)))
"""Lit, with a short gap."""
GLINT = Pattern("glint", (Phase(True, 0.3), Phase(False, 2.7)))
"""Dark, with a short light."""

HURRY = Pattern("hurry", (Phase(True, 0.5), Phase(False, 0.5)))
"""As long dark as lit, at twice the pace: a card was left in."""

PATTERNS = (OFF, STEADY, SLOW_BLINK, WINK, GLINT, HURRY)
