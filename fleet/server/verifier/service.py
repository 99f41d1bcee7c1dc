"""Unix socket server of the verifier: answers one user's processes and nobody else's.

Rules: mode 0660 and the group of that user; the kernel says who connects (SO_PEERCRED), and a stranger is put out before
anything of theirs is read; questions are answered in turn; where a try cannot be counted the service ends, and nothing is
evaluated.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Self

from fleet.server.verifier.answering import reply
from fleet.server.verifier.attempt_counters import AttemptCounters
from fleet.server.verifier.judge import Judge
from fleet.server.verifier.model import MAX_LINE_BYTES, READY
from fleet.server.verifier.peer_credentials import peer_uid, user_name

MOST_CONNECTIONS = 16
SOCKET_MODE = 0o660
STRANGER_LOG_S = 60.0
"""A stranger who comes again and again is one line of the log in that time."""

_log = logging.getLogger("fleet.server.verifier")


class SocketError(Exception):
    """The socket cannot be made. The text says which one, why and what to do."""


class VerifierService:
    """Listens for as long as the context lasts."""

    def __init__(
        self,
        path: Path,
        judge: Judge,
        counters: AttemptCounters,
        peers: frozenset[int],
        group: int | None,
        clock: Callable[[], float],
    ) -> None:
        """`peers`: user ids that are answered. `group`: the id of the group that may connect; None leaves the process's own."""
        self._path, self._judge, self._counters, self._clock = path, judge, counters, clock
        self._peers, self._group = peers, group
        self._server: asyncio.Server | None = None
        self._connected: set[asyncio.StreamWriter] = set()
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._logged: dict[int, float] = {}

    async def __aenter__(self) -> Self:
        listening = listening_socket(self._path, self._group)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_LINE_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._connected):
            writer.close()
        self._path.unlink(missing_ok=True)

    async def wait(self) -> None:
        """Until tries cannot be counted any more. Raises what the database said."""
        await self._fault

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = peer_uid(writer.get_extra_info("socket"))
        if uid not in self._peers or len(self._connected) >= MOST_CONNECTIONS:
            self._tell_refused(uid)
            writer.close()
            return
        self._connected.add(writer)
        try:
            writer.write(READY)
            await self._answer_all(reader, writer)
        except (ValueError, ConnectionError):
            _log.warning("a connection of %s is ended: it sent no question, or left", user_name(uid))
        finally:
            self._connected.discard(writer)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises ValueError for a line that is too long (asyncio's own), ConnectionError."""
        while line := await reader.readline():
            try:
                answer = reply(line, self._judge, self._counters, self._clock())
            except Exception as error:  # whatever the database raises: nothing may be judged that is not counted
                if not self._fault.done():
                    self._fault.set_exception(error)
                return
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()

    def _tell_refused(self, uid: int) -> None:
        now = self._clock()
        if now - self._logged.get(uid, float("-inf")) < STRANGER_LOG_S:
            return
        if len(self._logged) > MOST_CONNECTIONS:
            self._logged.clear()
        self._logged[uid] = now
        why = "has too many connections" if uid in self._peers else "may not ask"
        _log.warning("user %s %s: put out", user_name(uid), why)


def listening_socket(path: Path, group: int | None) -> socket.socket:
    """A socket at that path for its owner and that group; one that a killed verifier left is replaced. Raises SocketError."""
    _remove_left_over(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        made.bind(str(path))
        if group is not None:
            os.chown(path, -1, group)
    except OSError as error:
        made.close()
        raise SocketError(
            f"{path}: {error.strerror or error}; the folder must be the verifier's own, and the verifier in the"
            " group of who asks"
        ) from None
    finally:
        os.umask(before)
    return made


def _remove_left_over(path: Path) -> None:
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError as error:
            raise SocketError(f"{path}: {error.strerror or error}") from None
        else:
            raise SocketError(f"{path}: another verifier listens there")
