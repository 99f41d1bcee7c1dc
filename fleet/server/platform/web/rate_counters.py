"""Fixed-window rate counters in memory, for what comes too often to be written to the store.

Rules: a window begins with its first request, and a clock that was set back begins a new one. For each rate no more than `MOST`
are remembered, and the oldest window goes first. Each web process counts for itself. What guards a secret is counted in the
store instead: `tries`.

>>> rates, rate, now = RateCounters(), RateLimit("looks", 2), datetime(2026, 6, 1)
>>> [rates.take(rate, "tove", now).over for _ in range(3)]
[0, 0, 1]
"""

import ipaddress
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
MOST = 10_000
_NETWORK_BITS = 64
"""Of an IPv6 address: what one subscriber has is a /64 at the least (RFC 6177), not one address."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many in each `WINDOW`."""

    kind: str
    most: int


@dataclass(frozen=True, slots=True)
class RateUsage:
    """What is left in the window. `over`: how many there are beyond the rate; 0 is allowed, 1 is the first that is not."""

    rate: RateLimit
    left: int
    over: int
    seconds: int
    """Until a new window can begin; at least 1."""


@dataclass(slots=True)
class _Window:
    since: datetime
    count: int = 0

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.since + WINDOW


class RateCounters:
    """See the module. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._windows: dict[str, dict[str, _Window]] = {}

    def take(self, rate: RateLimit, who: str, now: datetime) -> RateUsage:
        """Count one."""
        with self._lock:
            mine = self._windows.setdefault(rate.kind, {})
            window = mine.get(who)
            if window is None or not window.holds(now):
                mine.pop(who, None)
                if len(mine) >= self._most:
                    del mine[next(iter(mine))]
                window = mine[who] = _Window(now)
            window.count += 1
            return _taken(rate, window, now)

    def spent(self, rate: RateLimit, who: str, now: datetime) -> RateUsage | None:
        """What one more would be told where none is left, without counting it; None where there is."""
        with self._lock:
            window = self._windows.get(rate.kind, {}).get(who)
            if window is None or not window.holds(now) or window.count < rate.most:
                return None
            return _taken(rate, _Window(window.since, window.count + 1), now)

    def knows(self, rate: RateLimit, who: str) -> bool:
        """Whether that one was counted of late, in whatever window."""
        with self._lock:
            return who in self._windows.get(rate.kind, {})


def _taken(rate: RateLimit, window: _Window, now: datetime) -> RateUsage:
    seconds = -(-(window.since + WINDOW - now) // timedelta(seconds=1))
    return RateUsage(rate, max(0, rate.most - window.count), max(0, window.count - rate.most), max(1, seconds))


def rate_limit_key(address: str) -> str:
    """Whom an address stands for: itself, or in IPv6 its network of 64 bits.

    >>> rate_limit_key("2001:db8::7"), rate_limit_key("192.0.2.7")
    ('2001:db8::/64', '192.0.2.7')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _NETWORK_BITS), strict=False))
