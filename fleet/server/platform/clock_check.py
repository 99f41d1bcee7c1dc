"""Check for clock jumps: deadlines and retention act on days, and a clock that jumps must block no card and erase nothing. Pure.

Rules: the clock is looked at every few minutes, and the last look is kept in the store. A step of more than six hours, either
way, is a leap, whether the server was off, was set right or was set wrong: then nothing happens by itself for 24 hours, and an
alert tells of it. A clock that is set back within that time has done no harm.

>>> from datetime import UTC
>>> last = ClockReading(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
>>> check_clock(last, datetime(2036, 6, 1, tzinfo=UTC)).leapt
True
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEAP = timedelta(hours=6)
SETTLES = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ClockReading:
    """When it was last looked at, and since when it has gone on without a leap."""

    seen: datetime
    steady: datetime

    @property
    def believed_from(self) -> datetime:
        """When deadlines may act again."""
        return self.steady + SETTLES


@dataclass(frozen=True, slots=True)
class ClockCheck:
    clock: ClockReading
    leapt: bool
    believed: bool


def check_clock(last: ClockReading | None, now: datetime) -> ClockCheck:
    """Look again. `last` is None the very first time, when nothing is known yet."""
    leapt = last is not None and abs(now - last.seen) > LEAP
    steady = now if last is None or leapt else min(last.steady, now)
    clock = ClockReading(now, steady)
    return ClockCheck(clock, leapt, now >= clock.believed_from)
