"""Revocation at the embedded broker: who is on the list, and the end of a session that was opened before.

Rules: mosquitto reads its list anew on SIGHUP and asks it at each TLS handshake, and never again in a connection that stands. A
session ends where another connection takes over its client id: the server does that over a Unix socket that nobody else
reaches, since stations are bound to their own names.
"""

import asyncio
import contextlib
from collections.abc import Collection
from pathlib import Path

from cryptography import x509

from fleet.mqtt5 import serializer
from fleet.server.broker.mqtt5_client import Credentials, tls_context
from provisioning.registry import Registry

END_TIMEOUT_S = 5.0
DENIED_FILE = "denied"
"""Beside the list of revocations: names whose sessions are ended, whatever certificate they have."""
_END = b"-----END X509 CRL-----\n"
_CONNACK, _SUCCESS = 0x20, 0
_DISCONNECT = b"\xe0\x00"


class UnknownCertificateError(Exception):
    """A certificate is revoked, and nothing here says whose it is."""


def revoked_serials(path: Path) -> frozenset[int]:
    """The serial numbers on all lists in the file. Raises OSError, ValueError."""
    lists = [f"{part}{_END.decode()}".encode() for part in path.read_text("ascii").split(_END.decode()) if part.strip()]
    return frozenset(entry.serial_number for pem in lists for entry in x509.load_pem_x509_crl(pem))


def denied_names(revoked: Path | None) -> frozenset[str]:
    """The names, one a line; none where there is no file. `revoked`: the list that it lies beside. Raises OSError."""
    try:
        return frozenset(revoked.with_name(DENIED_FILE).read_text("ascii").split()) if revoked else frozenset()
    except FileNotFoundError:
        return frozenset()


def stations_of(serials: Collection[int], authority: Path) -> frozenset[str]:
    """Return the stations whose certificates these are, as the authority has noted. Raises UnknownCertificateError, OSError,
    ValueError."""
    issued = {certificate.serial: certificate.station for certificate in Registry(authority).issued()}
    if unknown := [serial for serial in serials if serial not in issued]:
        raise UnknownCertificateError(f"issued.json does not name {len(unknown)} of the revoked certificates")
    return frozenset(issued[serial] for serial in serials)


async def end_session(place: Path, credentials: Credentials, name: str) -> None:
    """Take over the session of this client id, where there is one, and end it. Raises OSError, EOFError, TimeoutError."""
    async with asyncio.timeout(END_TIMEOUT_S):
        reader, writer = await asyncio.open_unix_connection(
            str(place), ssl=tls_context(credentials), server_hostname="localhost"
        )
        try:
            writer.write(serializer.connect(name, 10, 0, 1, 1024))
            answer = await reader.readexactly(4)
            if answer[0] != _CONNACK or answer[3] != _SUCCESS:
                raise ConnectionRefusedError(f"the broker answers {answer.hex()}")
            # A station's own first word may push us out just here: it is ended at the next check.
            with contextlib.suppress(OSError):
                writer.write(_DISCONNECT)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
