"""The server program's web listener: loopback only, and able to stop while pages are open.

uvicorn waits for open connections before it runs the application's own shutdown, and the feed of an open page never
ends by itself. So the hub is closed first, which ends the feeds; `timeout_graceful_shutdown` bounds what is left.

Example: `await web_server(create_app(readings, hub, clock=now), hub, port=8080).serve()`
"""

import ipaddress
import socket

import uvicorn
from starlette.types import ASGIApp

from fleet.server.hub import Hub

GRACE_S = 3


class WebServer(uvicorn.Server):
    """A uvicorn server that ends the feeds when it begins to stop."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)


def web_server(app: ASGIApp, hub: Hub, *, host: str = "127.0.0.1", port: int) -> WebServer:
    """The listener, to be awaited with `serve()`. Raises ValueError for an address that other machines can reach."""
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"the dashboard has no sign-in yet: it listens on loopback only, not on {host}")
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,  # addresses hold search words: HSA-ids and names
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return WebServer(config, hub)
