"""Download of an update bundle from the fleet server, over HTTPS with the station's certificate: the second connection it has.

Rules: the host is the broker's, trusted by the authority that the link trusts. What was fetched before is kept, and the rest
asked for (RFC 9110, section 14); more than the order says is never written. What it is, is judged by the caller. Blocks: call it
in a thread.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.agent.endpoint import make_tls
from fleet.agent.identity import Identity
from fleet.agent.proxy import Proxy
from fleet.messages.commands import UpdateOrder

if TYPE_CHECKING:
    import http.client

PIECE = 256 * 1024
"""Bytes written at a time."""
SILENT_S = 30.0
"""So long nothing may come."""


class FetchError(Exception):
    """It is not whole yet. The text says why; what came is kept."""


def fetch_bundle(
    order: UpdateOrder, into: Path, identity: Identity, on_bytes: Callable[[int], None], proxy: Proxy | None = None
) -> None:
    """Fetch what is missing of it. `on_bytes`: how many there are now. Raises FetchError; OSError where it cannot be written."""
    import http.client  # with the first download, not with the station

    received = into.stat().st_size if into.exists() else 0
    if received > order.size:
        into.unlink()
        received = 0
    if received == order.size:
        return
    try:
        tls = make_tls(identity.ca_file, identity.certificate_file, identity.key_file, identity.server_keys.authorities)
        host, port = identity.broker.host, order.port
        through = (proxy.host, proxy.port) if proxy else (host, port)
        connection = http.client.HTTPSConnection(*through, timeout=SILENT_S, context=tls)
        if proxy:
            connection.set_tunnel(host, port)
        try:
            connection.request("GET", f"/updates/{order.sha256}", headers={"Range": f"bytes={received}-"})
            answer = connection.getresponse()
        except BaseException:
            connection.close()
            raise
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{identity.broker.host}:{order.port}: {error}") from None
    try:
        _write(answer, order.size, into, received, on_bytes)
    except http.client.HTTPException as error:
        raise FetchError(str(error)) from None
    finally:
        connection.close()


def _write(
    answer: "http.client.HTTPResponse", size: int, into: Path, received: int, on_bytes: Callable[[int], None]
) -> None:
    if answer.status not in (200, 206):
        raise FetchError(f"the server says {answer.status}")
    if answer.status == 200:  # whole, whatever was asked for
        received = 0
    with into.open("ab" if received else "wb") as file:
        while received < size:
            try:
                piece = answer.read(min(PIECE, size - received))
            except OSError as error:
                raise FetchError(str(error)) from None
            if not piece:
                raise FetchError("the server ended before the bundle did")
            file.write(piece)
            received += len(piece)
            on_bytes(received)
        file.flush()
        os.fsync(file.fileno())
