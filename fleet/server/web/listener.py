"""Web listener (uvicorn): TLS wherever other machines reach it, and able to stop while pages are open.

uvicorn waits for open connections before it runs the application's own shutdown, and the feed of an open page never
ends by itself. So the hub is closed first, which ends the feeds; `timeout_graceful_shutdown` bounds what is left.

Example: `await web_server(create_app(readings, hub, access, alerts, commands, clock=now), hub, port=8080).serve()`
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address, AddressError
from fleet.server.web.connection_limits import Connections, listening

GRACE_S = 3


class WebServer(uvicorn.Server):
    """A uvicorn server that ends the feeds when it begins to stop."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class Shield:
    """Shield that keeps others from listening in: a certificate of our own, or proxies that have one."""

    certificate: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; nobody else's are."""
    clients: tuple[Path, ...] = ()
    """Authorities, in PEM: a client may show a certificate of theirs, and is put out with any other."""

    def tls(self) -> ssl.SSLContext | None:
        """For the listener. Raises OSError where the files cannot be used."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        for authorities in self.clients:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def bound_for_pages(address: Address) -> socket.socket:
    """Bind the address where the pages will listen. Raises AddressError, which names the option that says another place."""
    try:
        return address.bind()
    except AddressError as error:
        raise AddressError(f"the pages' address {error}; choose another with --http HOST:PORT") from None


def web_server(
    app: ASGIApp,
    hub: Hub,
    *,
    host: str = "127.0.0.1",
    port: int,
    shield: Shield = Shield(),
) -> WebServer:
    """The listener, to be awaited with `serve()`. Raises ValueError for an address that others reach without TLS."""
    if not (ipaddress.ip_address(host).is_loopback or shield.certificate or shield.proxies):
        raise ValueError(f"{host}: other machines reach it, so it needs a certificate or a proxy that has one")
    config = uvicorn.Config(
        app,
        http=listening(Connections(shield.proxies), shield.tls(), knows_http10=bool(shield.clients)),
        ws="none",
        host=host,
        port=port,
        proxy_headers=bool(shield.proxies),
        forwarded_allow_ips=list(shield.proxies),
        access_log=False,  # addresses hold search words: HSA-ids and names
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return WebServer(config, hub)


class Listener(WebServer):
    """A server within a program of more parts; signals are the program's to handle."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config, hub)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def leave(self, serving: "asyncio.Task[None]") -> None:
        self.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
