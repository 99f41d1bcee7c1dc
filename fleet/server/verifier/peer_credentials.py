"""Peer credentials of a Unix socket (SO_PEERCRED, unix(7)): whose process is at the other end, as the kernel says it.

>>> import os, socket
>>> one, other = socket.socketpair()
>>> peer_uid(one) == os.getuid()
True
>>> one.close(); other.close()
"""

import pwd
import socket
import struct
from typing import Protocol

_UCRED = struct.Struct("3i")
"""pid, uid and gid (struct ucred)."""


class HasOptions(Protocol):
    """A socket, or asyncio's wrapper of one."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def peer_uid(connection: HasOptions) -> int:
    """The user id of the process that connected, or listens, at the other end. Raises OSError."""
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)


def user_name(uid: int) -> str:
    """The name of a user as a person knows it; the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
