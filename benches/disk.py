"""The disk while something else is measured: small durable writes, one after the other, and what an event had to wait for them.

A commit is as slow as the disk's sync, and a shared disk stands still now and then. Who comes meanwhile waits, however fast the
program: that is the floor of a percentile.
"""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SIZE = 4096
EVERY_S = 0.01
STEP_S = 0.001
"""Between the moments that are looked at."""


class Syncs:
    """Overwrites four kilobytes and syncs them, in a thread, a hundred times a second at most.

    `spans`: when each began and ended, in seconds of `time.perf_counter`.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bench-syncs"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="syncs")
        self.spans: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._path.unlink()

    def waits(self) -> list[float]:
        return left(self.spans)

    def _work(self) -> None:
        file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            while not self._stop.wait(EVERY_S):
                began = time.perf_counter()
                os.pwrite(file, bytes(SIZE), 0)
                os.fdatasync(file)
                self.spans.append((began, time.perf_counter()))
        finally:
            os.close(file)


def left(spans: Sequence[tuple[float, float]], step_s: float = STEP_S) -> list[float]:
    """At evenly spaced moments from the first span to the last: seconds until the span that is under way ends, or 0.

    >>> left([(0.0, 1.0), (3.0, 4.0)], 0.5)
    [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.5]
    """
    remaining, place = [], 0
    began, ended = spans[0][0], spans[-1][1]
    for number in range(round((ended - began) / step_s)):
        now = began + number * step_s
        while spans[place][1] <= now:
            place += 1
        remaining.append(spans[place][1] - now if spans[place][0] <= now else 0.0)
    return remaining
