"""HTTP proxy: a line to a server through the one that stands between (CONNECT, RFC 9110, section 9.3.6).

TLS goes through it from end to end: a proxy sees a host, a port and bytes. One that asks for a name and a password is not
supported.
"""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proxy:
    """Address of the proxy."""

    host: str
    port: int

    @classmethod
    def at(cls, address: tuple[str, int] | None) -> "Proxy | None":
        """The one at that host and port; None where there is none."""
        return cls(*address) if address is not None else None

    def dial(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A line to that server. Blocks. Raises OSError, also with what the proxy says where it refuses."""
        import http.client  # where there is a proxy: it brings the parsers of mail

        line = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        line.set_tunnel(host, port)
        try:
            line.connect()
        except http.client.HTTPException as error:
            line.close()
            raise OSError(f"the proxy {self.host}:{self.port} answers no HTTP: {error!r}") from None
        except OSError as error:
            line.close()
            raise OSError(f"the proxy {self.host}:{self.port}, on the way to port {port}: {error}") from None
        sock: socket.socket = line.sock
        return sock
