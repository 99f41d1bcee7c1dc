"""Values of a station's connection, which need no MQTT library: host, client id and TLS, messages, why it ended."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from fleet.agent.proxy import Proxy
from provisioning.keys import station_keys

TAKEN_OVER = "the session was taken over by another connection with this certificate"
"""Why a connection has ended; compare `fleet.agent.mqtt.Connection.closed`."""
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, for which `ssl` has no name."""


class ConnectionFailed(Exception):
    """No connection could be made, or it was refused. The text says why in words."""


class _TidySocket(ssl.SSLSocket):
    """paho drops the socket of a failed handshake without closing it: this one closes itself. `floor`: no earlier can it be."""

    floor: datetime

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
            shown = self.getpeercert(binary_form=True)
            if shown is None or x509.load_der_x509_certificate(shown).not_valid_after_utc < self.floor:
                raise ssl.SSLCertVerificationError("the broker's certificate had ended before the server's last word")
        except OSError:
            self.close()
            raise


def make_tls(
    ca: Path, certificate: Path, key: Path, authorities: tuple[str, ...] = (), floor: datetime | None = None
) -> ssl.SSLContext:
    """Trust the fleet's authorities alone and show this certificate. Raises OSError (also for a key that does not fit) and
    KeyFileError.

    `ca` is the file that was pinned; `authorities`, in PEM, stand in its place once they have been rotated. The machine's clock
    is not asked whether the broker's certificate is in time: a Pi has no battery clock, and learns the time over this very
    connection. `floor`, the newest time that the server has signed, is: what had ended before it is refused.
    """
    trusted = "".join(authorities)
    tls = ssl.create_default_context(cadata=trusted) if trusted else ssl.create_default_context(cafile=str(ca))
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    tls.load_cert_chain(certificate, key, station_keys.password_of(key.read_bytes()))
    tls.sslsocket_class = type("_Socket", (_TidySocket,), {"floor": floor or datetime.min.replace(tzinfo=UTC)})
    return tls


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Address of the broker and identity of the client; through `proxy`, where there is one."""

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext
    will_topic: str
    will: bytes
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """Properties that MQTT 5 carries beside the payload."""

    content_type: str | None = None
    user: tuple[tuple[str, str], ...] = ()
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that came down."""

    topic: str
    payload: bytes
    correlation: bytes | None
