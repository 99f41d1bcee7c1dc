"""Listener for stations that fetch a bundle: HTTPS with the broker's certificate, and only for a certificate of the fleet.

Rules: apart from the pages, since a browser that is asked for a client certificate asks its user for a card. Who has no
certificate of the authority's, or a revoked one, ends in the handshake. A file is sent whole or from any byte on (RFC 9110,
section 14), so that a station goes on where it was cut off.
"""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.updates.service import BundleFolder
from fleet.server.web.listener import Listener

CONNECTIONS = 64
LISTS_EVERY_S = 10.0
"""So often the lists of revocations are read again."""


def bundle_app(bundles: BundleFolder) -> Starlette:
    """`GET /updates/DIGEST`."""

    async def fetch(request: Request) -> Response:
        path = await asyncio.to_thread(bundles.path, request.path_params["sha256"])
        if path is None:
            return PlainTextResponse("no such bundle", 404)
        return FileResponse(path, media_type="application/vnd.rauc.bundle")

    return Starlette(routes=[Route("/updates/{sha256}", fetch, methods=["GET"])])


class BundleServer:
    """The listener; `run` until cancelled. `certificate`, `key`: the broker's; `lists`: of revocations, those that there are."""

    def __init__(
        self, bundles: BundleFolder, hub: Hub, certificate: Path, key: Path, ca: Path, lists: Sequence[Path]
    ) -> None:
        self._ca, self._lists = ca, lists
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self._tls.load_cert_chain(certificate, key)
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._read: dict[Path, int] = {}
        self._read_lists()
        config = uvicorn.Config(
            bundle_app(bundles), http="h11", ws="none", lifespan="off", access_log=False, log_config=None,
            server_header=False, limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=1,
        )  # fmt: skip
        config.load()
        config.ssl = self._tls
        self._server = Listener(config, hub)

    async def run(self, address: Address) -> None:
        """Raises AddressError where nobody can listen there."""
        listening = address.bind()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._server.serve([listening]))
                both.create_task(self._watch_lists())
        finally:
            listening.close()

    async def _watch_lists(self) -> None:
        while True:
            await asyncio.sleep(LISTS_EVERY_S)
            self._read_lists()

    def _read_lists(self) -> None:
        """Take lists that are new: of several of one authority the newest counts."""
        for path in self._lists:
            if path.is_file() and (written := path.stat().st_mtime_ns) != self._read.get(path):
                self._tls.load_verify_locations(str(path))
                self._tls.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
                self._read[path] = written
