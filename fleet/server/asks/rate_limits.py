"""Rate limiting of asks: a token bucket for each station, before any work is done for it.

Rules: what is over the rate is answered `too_many`, at the same rate again; beyond that it gets no answer, so that a flood does
not even cost a signature each. Beside the rate there is a day's amount, `A_DAY`, which comes back over a day; the busiest honest
station (500 errands, lists every ten minutes) needs a fifth of it. Only the newest `MOST_STATIONS` are remembered: names are
cheap to a broker that lies.

>>> limits = AskLimits(burst=1, per_s=1.0, monotonic=lambda: 0.0)
>>> [limits.judge("entre-a") for _ in range(3)], limits.judge("entre-b")
(['go', 'too_many', 'silent'], 'go')
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fleet.messages.pacing import ASK_BURST, ASKS_PER_S, TokenBucket

MOST_STATIONS = 20_000

A_DAY = 50_000
DAY_S = 86_400.0

Judgement = Literal["go", "too_many", "silent", "spent"]
"""`spent`: the day's amount is used up, which is answered as `too_many` is."""


@dataclass(slots=True)
class _Buckets:
    asks: TokenBucket
    refusals: TokenBucket
    day: TokenBucket


class AskLimits:
    """Of all stations, in this process."""

    def __init__(
        self,
        burst: int = ASK_BURST,
        per_s: float = ASKS_PER_S,
        monotonic: Callable[[], float] = time.monotonic,
        a_day: int = A_DAY,
    ) -> None:
        self._burst, self._per_s, self._monotonic, self._a_day = burst, per_s, monotonic, a_day
        self._buckets: OrderedDict[str, _Buckets] = OrderedDict()

    def judge(self, station: str) -> Judgement:
        now = self._monotonic()
        buckets = self._of(station, now)
        spent = False
        if buckets.asks.take(now):
            if buckets.day.take(now):
                return "go"
            spent = True
        if not buckets.refusals.take(now):
            return "silent"
        return "spent" if spent else "too_many"

    def _of(self, station: str, now: float) -> _Buckets:
        if station not in self._buckets:
            while len(self._buckets) >= MOST_STATIONS:
                self._buckets.popitem(last=False)
            fresh = TokenBucket(self._burst, self._per_s, now)
            day = TokenBucket(self._a_day, self._a_day / DAY_S, now)
            self._buckets[station] = _Buckets(fresh, TokenBucket(self._burst, self._per_s, now), day)
        self._buckets.move_to_end(station)
        return self._buckets[station]
