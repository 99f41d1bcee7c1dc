"""Listener addresses, HOST:PORT: parsed, validated, and bound where a free port is wanted.

>>> Address.parse("127.0.0.1:8883")
Address(host='127.0.0.1', port=8883)
>>> str(Address("::1", 80))
'[::1]:80'
"""

import ipaddress
import socket
from dataclasses import dataclass, replace


class AddressError(ValueError):
    """An address that cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Address of a listener; port 0 means any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read HOST:PORT or [HOST]:PORT. Raises AddressError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise AddressError(f"{text!r}: write HOST:PORT, for example 127.0.0.1:8883")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def reachable(self) -> "Address":
        """The same, as a client on this machine writes it: an address for all interfaces is no address to call."""
        stand_in = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 compared, not bound
        return replace(self, host=stand_in)

    def bind(self) -> socket.socket:
        """A bound socket. Raises AddressError where the port is taken or the host is not ours."""
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            bound = socket.socket(family, kind, protocol)
        except OSError as error:
            raise AddressError(f"{self}: {error.strerror or error}") from None
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(where)
        except OSError as error:
            bound.close()
            raise AddressError(f"{self}: {error.strerror or error}") from None
        return bound

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
