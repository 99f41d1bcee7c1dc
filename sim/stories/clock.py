"""A clock that a test drives: nobody waits. Implements `kiosk.ports.Clock`.

>>> clock = HandClock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
>>> clock.advance(60); clock.monotonic()
60.0
"""

import asyncio
from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SHORT_S = 1.0
"""So long a device may take (a lock, a coil): it passes by itself. A person's time passes by `advance` alone."""


class HandClock:
    """Stands still until it is advanced."""

    def __init__(self, start: datetime = NOW) -> None:
        self._start = start
        self._passed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Until the clock has been advanced that far."""
        if seconds <= SHORT_S:
            self._passed += seconds
            await asyncio.sleep(0)
            return
        sleeper = (self._passed + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake who has slept long enough."""
        self._passed += seconds
        for until, sleeper in self._sleepers:
            if until <= self._passed and not sleeper.done():
                sleeper.set_result(None)
