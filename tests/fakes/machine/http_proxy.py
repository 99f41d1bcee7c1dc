"""An HTTP proxy that knows CONNECT alone (RFC 9110, section 9.3.6), on a free port of this machine."""

import socket
import socketserver
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from fleet.agent.proxy import Proxy

PIECE = 65536


@dataclass(slots=True)
class FakeProxy:
    """`refused`: ports that it lets nobody reach. `asked`: what was asked for, as `host:port`."""

    address: Proxy
    refused: Collection[int] = ()
    asked: list[str] = field(default_factory=list)


@contextmanager
def http_proxy(refused: Collection[int] = ()) -> Iterator[FakeProxy]:
    """Until the context ends."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, target, _ = self.rfile.readline().decode("ascii").split()
            while self.rfile.readline().strip():
                pass
            host, _, port = target.rpartition(":")
            proxy.asked.append(target)
            if method != "CONNECT" or int(port) in proxy.refused:
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection((host, int(port))) as far:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_carry, args=(far, self.connection))
                back.start()
                _carry(self.connection, far)
                back.join()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = FakeProxy(Proxy("localhost", server.server_address[1]), refused)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _carry(near: socket.socket, far: socket.socket) -> None:
    """All bytes one way, and the end of them."""
    with suppress(OSError):
        while piece := near.recv(PIECE):
            far.sendall(piece)
    for line, how in ((far, socket.SHUT_WR), (near, socket.SHUT_RD)):
        with suppress(OSError):
            line.shutdown(how)
