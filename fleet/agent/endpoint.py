"""Connection settings of a station: host, client id and TLS, as values that need no MQTT library."""

import ssl
from dataclasses import dataclass
from pathlib import Path


class _TidySocket(ssl.SSLSocket):
    """paho drops the socket of a failed handshake without closing it: this one closes itself."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def make_tls(ca: Path, certificate: Path, key: Path, authorities: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Trust the fleet's authorities alone and show this certificate. Raises OSError (also for a key that does not fit).

    `ca` is the file that was pinned; `authorities`, in PEM, stand in its place once they have been rotated.
    """
    trusted = "".join(authorities)
    tls = ssl.create_default_context(cadata=trusted) if trusted else ssl.create_default_context(cafile=str(ca))
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(certificate, key)
    tls.sslsocket_class = _TidySocket
    return tls


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to and as whom."""

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext
    will_topic: str
    will: bytes


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that came down."""

    topic: str
    payload: bytes
    correlation: bytes | None
