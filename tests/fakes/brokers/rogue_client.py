"""A client at the broker with a station's certificate, which calls itself whatever it likes and says nothing."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from fleet.mqtt5 import serializer
from fleet.server.broker.mqtt5_client import Credentials, tls_context

CONNACK = b"\x20"


class Rogue:
    """A client with a copied certificate and key, as whoever it likes."""

    def __init__(self, copied: Path | Credentials, port: int, come_from: str = "127.0.0.1") -> None:
        """`copied`: the folder of a station's identity, or the files of somebody else's."""
        if isinstance(copied, Path):
            copied = Credentials(*(copied / name for name in ("ca.pem", "station.pem", "station.key")))
        self._tls = tls_context(copied)
        self._port, self._come_from = port, come_from

    @contextlib.asynccontextmanager
    async def connected(self, client_id: str, *topics: str) -> AsyncIterator[asyncio.StreamReader]:
        """In, where the broker lets it, and subscribed; what comes is not read."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._tls, local_addr=(self._come_from, 0)
        )
        try:
            writer.write(serializer.connect(client_id, 30, 0, 100, 65536))
            if (await reader.read(64))[:1] != CONNACK:
                raise ConnectionError("the broker does not let it in")
            if topics:
                writer.write(serializer.subscribe(1, topics))
                await reader.read(64)
            yield reader
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def take_over(self, client_ids: tuple[str, ...]) -> None:
        """Connect as each of them in turn, without end."""
        while True:
            for client_id in client_ids:
                with contextlib.suppress(OSError):
                    async with self.connected(client_id):
                        pass
