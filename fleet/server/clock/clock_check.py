"""Check for clock jumps: what acts on days must block no card and erase nothing because a clock jumped. Pure.

Rules: the clock is looked at every minute, and the last look is kept in the store; where there is none, the newest date in the
store is the witness. A step of more than six hours, either way, is a leap, whether the server was off, was set right or was set
wrong: from then on nothing irreversible happens by itself until a person confirms the clock, however often the server is
started. A store that has known no time at all is believed after a day.

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
    """Time of the last look at the clock, time since which it is known, and time before a leap that nobody has confirmed."""

    seen: datetime
    steady: datetime
    leapt: datetime | None = None

    @property
    def believed_from(self) -> datetime:
        """Time from which batches may act, where nothing is to be confirmed."""
        return self.steady + SETTLES

    def is_believed(self, now: datetime) -> bool:
        """Return whether batches may act."""
        return self.leapt is None and now >= self.believed_from and abs(now - self.seen) <= LEAP


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """`leapt`: at this very look."""

    clock: ClockReading
    leapt: bool
    believed: bool


def check_clock(
    last: ClockReading | None, now: datetime, newest: datetime | None = None, off: timedelta = timedelta()
) -> ClockCheck:
    """Look again. `last` is None the very first time; `newest` is the newest date of the store, a second witness. `off`: how far
    the machine's clock is from `now`, by which the server goes."""
    before = max((moment for moment in (last.seen if last else None, newest) if moment is not None), default=None)
    leapt = before is not None and (abs(now - before) > LEAP or abs(off) > LEAP)
    steady = now if last is None else min(last.steady, now)
    waits = last.leapt if last else None
    if leapt and waits is None:
        waits = before
    clock = ClockReading(now, steady, waits)
    return ClockCheck(clock, leapt, clock.is_believed(now))
