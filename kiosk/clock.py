"""Trusted clock, passed in. A Pi has no battery clock, so the wall clock has a floor: the newest signed time of the server."""

import asyncio
import contextlib
import socket
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

SWAY_S = 15
"""A measure that differs by no more is none of the clock but of the way to the server."""

CHRONY = Path("/run/kortkiosk-time/chrony.sock")
"""Where chrony of an image listens for samples of a reference clock (`refclock SOCK`)."""
SHARP_S = 2.0
"""An answer that took longer is no measure of a clock: chrony is told that a sample is as good as that."""
_SAMPLE = struct.Struct("@lldiiii")
"""`struct sock_sample` of chrony's refclock_sock.c: seconds and microseconds of the machine's clock, by how many seconds it is
behind, pulse, leap, padding, magic."""
_MAGIC = 0x534F434B


class SystemClock:
    """The machine's clocks; implements `kiosk.ports.Clock`."""

    def __init__(self) -> None:
        self._floor = datetime.min.replace(tzinfo=UTC)
        self.off_s: int | None = None
        """By how many seconds the machine's clock was ahead of the server's (negative: behind) when that was heard last."""

    def now(self) -> datetime:
        """The trusted time: the machine's, but never before what the server has signed."""
        return max(datetime.now(UTC), self._floor)

    @property
    def floor(self) -> datetime:
        """The newest time that the server has signed; the least of all before the first."""
        return self._floor

    def raise_floor(self, signed: datetime | None) -> None:
        """It is at least this late: the server has said so."""
        if signed is not None:
            self._floor = max(self._floor, signed)

    def take_signed_time(self, signed: datetime) -> bool:
        """The server has signed this time just now: a floor, and a measure of the machine's own clock, as good as the answer was
        quick. Whether what is known of the clock has changed by more than `SWAY_S`."""
        self.raise_floor(signed)
        before, self.off_s = self.off_s, round((datetime.now(UTC) - signed).total_seconds())
        return before is None or abs(self.off_s - before) > SWAY_S

    def monotonic(self) -> float:
        """Seconds, unaffected by a clock that jumps."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait, by the monotonic clock."""
        await asyncio.sleep(seconds)


def tell_chrony(signed: datetime, took_s: float, file: Path) -> None:
    """Give chrony a signed time as a sample, from an answer that took so long; nothing where it does not listen there."""
    if took_s > SHARP_S:
        return
    now = time.time()
    behind_s = signed.timestamp() + took_s / 2 - now
    sample = _SAMPLE.pack(int(now), int(now % 1 * 1e6), behind_s, 0, 0, 0, _MAGIC)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
        line.sendto(sample, str(file))
