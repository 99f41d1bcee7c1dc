"""The service manager's end of NOTIFY_SOCKET: keeps what programs tell it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT_S = 120.0


class NotifySocket:
    """Each message is the lines of one datagram."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(LIMIT_S)

    def read(self) -> list[str]:
        """The next message. Raises TimeoutError."""
        return self._socket.recv(4096).decode().split("\n")

    def read_until(self, line: str) -> list[list[str]]:
        """All messages up to the one with that line. Raises TimeoutError."""
        messages = [self.read()]
        while line not in messages[-1]:
            messages.append(self.read())
        return messages

    def drain(self) -> list[list[str]]:
        """What has come and was not read yet."""
        self._socket.setblocking(False)
        messages = []
        try:
            while True:
                messages.append(self.read())
        except BlockingIOError:
            return messages
        finally:
            self._socket.settimeout(LIMIT_S)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def notify_socket(address: str) -> Iterator[NotifySocket]:
    """A socket at that path, or, where it begins with @, of that abstract name."""
    bound = NotifySocket(address)
    try:
        yield bound
    finally:
        bound.close()
