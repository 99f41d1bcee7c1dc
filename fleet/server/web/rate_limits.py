"""Rate limiting of requests to the API, look-ups of people, and commands, each per caller: fixed windows, counted in memory.

Rules of counting: a window begins with its first request, and a clock that was set back begins a new one. For each limit no more
than `MOST` are remembered, and the oldest window goes first. Each web process counts for itself. What guards a secret is counted
in the store instead: `fleet.server.sign_in.login_throttling`.

Rules of what is counted:
`/api/v1` counts for each token or session; a request that shows neither, or none that is good, counts for its address,
and when those are used up nobody from there is looked up who was not known before. A look at a person counts once for as long as
the audit tells it once: a page that draws itself again costs nothing. Who asks for more gets 429 with `Retry-After` (RFC 6585, 4;
RFC 9110, 10.2.3); answers of the API say what is left, as draft-ietf-httpapi-ratelimit-headers names it. The feed and the files
of the pages are not counted.

>>> counters, limit, now = RateCounters(), RateLimit("looks", 2), datetime(2026, 6, 1)
>>> [counters.take(limit, "tove", now).over for _ in range(3)]
[0, 0, 1]
>>> rate_limit_headers(RateUsage(RateLimit("requests", 1200), 1199, 0, 60))["RateLimit"]
'"requests";r=1199;t=60'
"""

import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi import HTTPException, Request

from fleet.server.audit_log.log import AuditEvent
from fleet.server.keys.random_tokens import digest
from fleet.server.web.roles import Caller
from fleet.server.web.settings import LimitSettings

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
    """Usage of a rate in the window. `over`: how many there are beyond the rate; 0 is allowed, 1 is the first that is not."""

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
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._windows: dict[str, dict[str, _Window]] = {}

    def take(self, rate: RateLimit, key: str, now: datetime) -> RateUsage:
        with self._lock:
            mine = self._windows.setdefault(rate.kind, {})
            window = mine.get(key)
            if window is None or not window.holds(now):
                mine.pop(key, None)
                if len(mine) >= self._most:
                    del mine[next(iter(mine))]
                window = mine[key] = _Window(now)
            window.count += 1
            return _taken(rate, window, now)

    def spent(self, rate: RateLimit, key: str, now: datetime) -> RateUsage | None:
        """Return the usage that one more request would meet where none is left, without counting it; None where there is."""
        with self._lock:
            window = self._windows.get(rate.kind, {}).get(key)
            if window is None or not window.holds(now) or window.count < rate.most:
                return None
            return _taken(rate, _Window(window.since, window.count + 1), now)

    def knows(self, rate: RateLimit, key: str) -> bool:
        """Return whether a request of that caller was counted of late, in whatever window."""
        with self._lock:
            return key in self._windows.get(rate.kind, {})


def _taken(rate: RateLimit, window: _Window, now: datetime) -> RateUsage:
    seconds = -(-(window.since + WINDOW - now) // timedelta(seconds=1))
    return RateUsage(rate, max(0, rate.most - window.count), max(0, window.count - rate.most), max(1, seconds))


def rate_limit_key(address: str) -> str:
    """Return the key by which an address is counted: itself, or in IPv6 its network of 64 bits.

    >>> rate_limit_key("2001:db8::7"), rate_limit_key("192.0.2.7")
    ('2001:db8::/64', '192.0.2.7')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _NETWORK_BITS), strict=False))


_WINDOW_S = int(WINDOW.total_seconds())


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Rate limits of one application, with its counters. `clock` gives aware times."""

    record: Callable[[Caller, str, AuditEvent], None]
    """Tells the audit."""
    clock: Callable[[], datetime]
    limits: LimitSettings
    rates: RateCounters = field(default_factory=RateCounters)

    def admit(self, request: Request, value: str | None) -> None:
        """Before anybody is looked up by `value`: raises HTTPException where too many from that address were refused."""
        is_known = value is not None and self.rates.knows(self._requests, digest(value))
        spent = None if is_known else self.rates.spent(self._refused, _from(request), self.clock())
        if spent is not None:
            raise _too_many(spent, "too many requests from this address without a good token or session")

    def knock(self, request: Request) -> None:
        """Count somebody who begins to sign in elsewhere, which is kept in the store. Raises HTTPException."""
        taken = self.rates.take(RateLimit("sign-ins", self.limits.refused), _from(request), self.clock())
        if taken.over:
            raise _too_many(taken, "too many sign-ins are begun from this address")

    def refuse(self, request: Request) -> None:
        """Count one that nobody known has made."""
        self.rates.take(self._refused, _from(request), self.clock())

    def count(self, request: Request, caller: Caller | None) -> None:
        """Count a request of that caller, or of its address where nobody is asked for. Raises HTTPException."""
        taken = self.rates.take(self._requests, caller.key if caller else _from(request), self.clock())
        request.state.taken = taken
        if taken.over:
            raise _too_many(taken, "too many requests")

    def look(self, caller: Caller, address: str) -> None:
        """Count another look at people. Raises HTTPException."""
        self._record_excess(RateLimit("looks", self.limits.looks), caller, address, "people.stopped")

    def command(self, caller: Caller, address: str) -> None:
        """Count a command, or a decision about one. Raises HTTPException."""
        self._record_excess(RateLimit("commands", self.limits.commands), caller, address, "command.stopped")

    def _record_excess(self, rate: RateLimit, caller: Caller, address: str, action: str) -> None:
        """The first one too many is told in the audit."""
        taken = self.rates.take(rate, f"{caller.program} {caller.name}", self.clock())
        if taken.over == 1:
            self.record(caller, address, AuditEvent(action))
        if taken.over:
            raise _too_many(taken, f"too many {rate.kind}")

    @property
    def _requests(self) -> RateLimit:
        return RateLimit("requests", self.limits.requests)

    @property
    def _refused(self) -> RateLimit:
        return RateLimit("refused", self.limits.refused)


def rate_limit_headers(taken: RateUsage | None) -> dict[str, str]:
    """The headers that say what is left; none where nothing was counted."""
    if taken is None:
        return {}
    rate = taken.rate
    return {
        "RateLimit-Policy": f'"{rate.kind}";q={rate.most};w={_WINDOW_S}',
        "RateLimit": f'"{rate.kind}";r={taken.left};t={taken.seconds}',
    }


def remaining_headers(request: Request) -> dict[str, str]:
    """The same for a request that came through the gate."""
    return rate_limit_headers(getattr(request.state, "taken", None))


def _from(request: Request) -> str:
    return rate_limit_key(request.client.host if request.client else "")


def _too_many(taken: RateUsage, detail: str) -> HTTPException:
    headers = {"Retry-After": str(taken.seconds), **rate_limit_headers(taken)}
    return HTTPException(429, f"{detail}: wait {taken.seconds} seconds", headers)
