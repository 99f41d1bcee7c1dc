"""Ports of loopback for servers that a test starts, and maybe stops and starts again.

A port that was merely free a moment ago may be given to anybody's outgoing connection before the server binds it, or while the
server is down. So each is kept for as long as this process runs, by a socket that is bound and does not listen: who connects is
refused, the kernel gives it to nobody else, and a server binds it all the same, as servers set SO_REUSEADDR (socket(7)).

>>> import asyncio, socket
>>> port = free_port()
>>> socket.create_server(("127.0.0.1", port), reuse_port=False).close()
"""

import atexit
import contextlib
import socket

from fleet.server.process.addresses import Address

_kept = contextlib.ExitStack()
atexit.register(_kept.close)


def free_port() -> int:
    """A port that nobody listens on. Nobody is given it by chance from here on."""
    kept = _kept.enter_context(socket.socket())
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    port: int = kept.getsockname()[1]
    return port


def free_address() -> Address:
    """The same as a listener's address."""
    return Address("127.0.0.1", free_port())
