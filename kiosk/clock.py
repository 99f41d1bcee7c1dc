"""Time, passed in. A Pi has no battery clock, so the wall clock has a floor: the newest signed time of the server."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks; implements `kiosk.ports.Clock`."""

    def __init__(self) -> None:
        self._floor = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The trusted time: the machine's, but never before what the server has signed."""
        return max(datetime.now(UTC), self._floor)

    def raise_floor(self, signed: datetime | None) -> None:
        """It is at least this late: the server has said so."""
        if signed is not None:
            self._floor = max(self._floor, signed)

    def monotonic(self) -> float:
        """Seconds, unaffected by a clock that jumps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait, by the monotonic clock."""
        await asyncio.sleep(seconds)
