"""Connection limits and time-outs of the pages' listener: what is slow is closed, what is too many is shed.

Rules: a TLS handshake is over within `HEAD_S`; so is the head of a request after its connection was opened, or after its first
byte where the connection was used before; an answer that nobody reads for `WRITE_S` ends its connection; between requests
uvicorn closes after five seconds. In all there are `MOST` connections, and `MOST_OF_ONE` of one address. Where one more comes,
the oldest that asks nothing just now is closed for it, and only where all of them are being answered it is refused: who opens
connections and says nothing keeps nobody out. Addresses of proxies that are believed have no limit of their own: they stand for
everybody.

A request in HTTP/1.0 is answered in HTTP/1.0: h11 would answer in HTTP/1.1, as RFC 9110 (2.5) allows, and libest takes that for
no answer.
"""

import asyncio
import ipaddress
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from fleet.server.web.rate_limits import rate_limit_key

HEAD_S = 10.0
WRITE_S = 60.0
MOST = 2000
MOST_OF_ONE = 256
"""Behind one address may be a hospital: a browser opens at most six, and one for the feed of all its tabs."""
TLS_BUFFER = 16 * 1024
"""The most that one TLS record holds (RFC 8446 section 5.1): 71 KiB a connection instead of 310."""


_NEW, _OLD = b"HTTP/1.1 ", b"HTTP/1.0 "
_AS_WRITTEN = {b"www-authenticate": b"WWW-Authenticate"}


class Http10Transport:
    """A transport that writes the head of an answer as the client's version has it; everything else is the transport's."""

    def __init__(self, transport: asyncio.Transport, connection: h11.Connection) -> None:
        self._transport, self._connection = transport, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(_NEW) and self._connection.their_http_version == b"1.0":
            data = _rewritten(data)
        self._transport.write(data)


def _rewritten(data: bytes) -> bytes:
    """
    >>> _rewritten(b"HTTP/1.1 202 Accepted\\r\\nretry-after: 10\\r\\n\\r\\nwait")
    b'HTTP/1.0 202 Accepted\\r\\nRetry-After: 10\\r\\n\\r\\nwait'
    """
    head, end, body = data.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    lines = [_OLD + status.removeprefix(_NEW)]
    for header in headers:
        name, colon, value = header.partition(b":")
        lines.append(_AS_WRITTEN.get(name.lower(), name.title()) + colon + value)
    return b"\r\n".join(lines) + end + body


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Place of one connection among all. `who`: whom its address stands for."""

    who: str
    abort: Callable[[], None]


class Connections:
    """Connections of a listener. For one event loop."""

    def __init__(self, proxies: Iterable[str]) -> None:
        self._proxies = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._all: set[Place] = set()
        self._count: Counter[str] = Counter()
        self._idle: dict[Place, None] = {}
        """Those that ask nothing just now, in the order in which they began to."""
        self._idle_of: defaultdict[str, dict[Place, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, address: str, abort: Callable[[], None]) -> Place | None:
        """A place, where there is room or some can be made; None where not. `abort` closes the connection."""
        key = rate_limit_key(address)
        crowded = self._count[key] >= MOST_OF_ONE and not self._is_proxy(address)
        if crowded and not self._shed(self._idle_of.get(key, {})):
            return None
        if len(self._all) >= MOST and not self._shed(self._idle):
            return None
        place = Place(key, abort)
        self._all.add(place)
        self._count[key] += 1
        self.is_idle(place)
        return place

    def is_idle(self, place: Place) -> None:
        """It asks nothing any more, or nothing yet."""
        if place in self._all and place not in self._idle:
            self._idle[place] = self._idle_of[place.who][place] = None

    def is_busy(self, place: Place) -> None:
        if place in self._idle:
            del self._idle[place], self._idle_of[place.who][place]
            if not self._idle_of[place.who]:
                del self._idle_of[place.who]

    def leave(self, place: Place) -> None:
        """It is over. May be told twice."""
        self.is_busy(place)
        if place in self._all:
            self._all.discard(place)
            self._count[place.who] -= 1
            if not self._count[place.who]:
                del self._count[place.who]

    def _shed(self, among: dict[Place, None]) -> bool:
        """Close the oldest of them, where there is one."""
        oldest = next(iter(among), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.abort()
        return True

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed in proxy for proxy in self._proxies)


class PatientHttp(H11Protocol):
    """One HTTP connection that is waited for, and not for ever."""

    def __init__(self, connections: Connections, *, knows_http10: bool = False, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._knows_http10 = knows_http10
        self._connections = connections
        self._place: Place | None = None
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def take_place(self, transport: asyncio.Transport) -> bool:
        """Return whether there is room for the connection that `transport` is; tell it to close where there is none."""
        peer = transport.get_extra_info("peername")
        self._place = self._connections.admit(peer[0] if peer else "", transport.abort)
        if self._place is None:
            transport.abort()
        return self._place is not None

    def leave_place(self) -> None:
        if self._place is not None:
            self._connections.leave(self._place)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for what it asks."""
        super().connection_made(transport)
        if self._knows_http10:
            self.transport = Http10Transport(transport, self.conn)  # type: ignore[assignment]
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and (shown := tls.getpeercert(binary_form=True)):
            self.app = _with_certificate(self.app, ssl.DER_cert_to_PEM_cert(shown))
        if self._place is not None or self.take_place(transport):
            self._head = self._later(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self.leave_place()
        self._stop_head()
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request, or all of it."""
        super().data_received(data)
        self._look(begun=True)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look(begun=False)

    def pause_writing(self) -> None:
        """Nobody reads what is sent."""
        super().pause_writing()
        self._unread = self._unread or self._later(WRITE_S)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_unread()

    def _look(self, *, begun: bool) -> None:
        """Tell the limits whether the connection is being answered by now. `begun`: if not, the head of its next
        request has begun to come."""
        if self._place is None:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._connections.is_busy(self._place)
            self._stop_head()
            return
        self._connections.is_idle(self._place)
        if begun and self._head is None and not self.transport.is_closing():
            self._head = self._later(HEAD_S)

    def _stop_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _later(self, seconds: float) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, self.transport.abort)


class PatientTls(SSLProtocol):
    """TLS around one. asyncio's own, which counts for `Connections` from the first packet on and keeps one record at a time."""

    max_size = TLS_BUFFER

    def __init__(self, inside: PatientHttp, context: ssl.SSLContext) -> None:
        limit: Any = HEAD_S  # a number of any kind, and nobody need wait for it, whatever the stubs say
        nobody: Any = None
        super().__init__(inside.loop, inside, context, nobody, server_side=True, ssl_handshake_timeout=limit)
        self._inside = inside
        self._admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where there is room."""
        assert isinstance(transport, asyncio.Transport)
        self._admitted = self._inside.take_place(transport)
        if self._admitted:
            super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Also in the middle of a handshake, of which the inside knows nothing."""
        self._inside.leave_place()
        if self._admitted:
            super().connection_lost(exc)


def _with_certificate(app: ASGIApp, pem: str) -> ASGIApp:
    """The application, told which client certificate was verified in TLS (ASGI's extension `tls`)."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), "tls": {"client_cert_chain": [pem]}}
        await app({**scope, "extensions": extensions}, receive, send)

    return told


def listening(connections: Connections, context: ssl.SSLContext | None = None, *, knows_http10: bool = False) -> Any:
    """Return the protocol of a listener, for uvicorn: with TLS where there is a context."""

    def made(**uvicorns: Any) -> asyncio.Protocol | SSLProtocol:
        inside = PatientHttp(connections, knows_http10=knows_http10, **uvicorns)
        return inside if context is None else PatientTls(inside, context)

    return made
