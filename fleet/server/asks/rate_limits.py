"""Rate limiting of asks: a token bucket for each station, before any work is done for it.

Rules: what is over the rate is answered `too_many`, at the same rate again; beyond that it gets no answer, so that a flood does
not even cost a signature each. Only the newest `MOST_STATIONS` are remembered: names are cheap to a broker that lies.

>>> limits = AskLimits(burst=1, per_s=1.0, monotonic=lambda: 0.0)
>>> [limits.judge("entre-a") for _ in range(3)], limits.judge("entre-b")
(['go', 'too_many', 'silent'], 'go')
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from fleet.messages.pacing import ASK_BURST, ASKS_PER_S, TokenBucket

MOST_STATIONS = 20_000

Judgement = Literal["go", "too_many", "silent"]


class AskLimits:
    """Of all stations, in this process."""

    def __init__(
        self, burst: int = ASK_BURST, per_s: float = ASKS_PER_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_s, self._monotonic = burst, per_s, monotonic
        self._buckets: OrderedDict[str, tuple[TokenBucket, TokenBucket]] = OrderedDict()

    def judge(self, station: str) -> Judgement:
        now = self._monotonic()
        asks, refusals = self._of(station, now)
        if asks.take(now):
            return "go"
        return "too_many" if refusals.take(now) else "silent"

    def _of(self, station: str, now: float) -> tuple[TokenBucket, TokenBucket]:
        if station not in self._buckets:
            while len(self._buckets) >= MOST_STATIONS:
                self._buckets.popitem(last=False)
            fresh = TokenBucket(self._burst, self._per_s, now)
            self._buckets[station] = fresh, TokenBucket(self._burst, self._per_s, now)
        self._buckets.move_to_end(station)
        return self._buckets[station]
