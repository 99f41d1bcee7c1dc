"""Change feed between processes by PostgreSQL's NOTIFY, to the pages of all of them.

Rules: what comes within a fifth of a second is one word, said outside the transactions that made the changes, so that
no commit waits for it. What is lost while a connection is made anew is not looked for: pages then read everything again. Only
names of what has changed pass, and they are read by nobody but our own processes.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from fleet.server.database.database import Database
from fleet.server.database.notify import listen, notify
from fleet.server.live_feed.hub import EVERYTHING, INTERVAL_S, Hub

CHANNEL = "kortkiosk_changes"
AGAIN_S = 1.0
LISTEN_S = 0.5
MOST_BYTES = 7_000
"""PostgreSQL takes less than 8,000 in one word."""

_log = logging.getLogger(__name__)


class ChangeNotice(msgspec.Struct, frozen=True):
    """Notice of changed topics from one process to the others."""

    sender: str
    topics: tuple[str, ...]


class Announcer:
    """Implements `Changes`: tells other processes, and pages of this one where it has any."""

    def __init__(self, database: Database, hub: Hub | None = None) -> None:
        self._database = database
        self._hub = hub
        self._name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._pending: set[str] = set()

    def publish(self, topics: frozenset[str]) -> None:
        if self._hub is not None:
            self._hub.publish(topics)
        with self._lock:
            self._pending |= topics

    async def run(self) -> None:
        """Tell what there is, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            with self._lock:
                topics, self._pending = self._pending, set()
            if topics:
                await self._tell(topics)

    async def _tell(self, topics: set[str]) -> None:
        word = msgspec.json.encode(ChangeNotice(self._name, tuple(sorted(topics))))
        if len(word) > MOST_BYTES:
            word = msgspec.json.encode(ChangeNotice(self._name, (EVERYTHING,)))
        try:
            await asyncio.to_thread(notify, self._database.reading, CHANNEL, word.decode())
        except SQLAlchemyError as error:
            _log.warning("other processes are not told of changes: %s", type(error).__name__)

    async def hear(self) -> None:
        """Pass on to the pages of this process what others tell, until cancelled."""
        assert self._hub is not None
        stopped = threading.Event()
        try:
            await asyncio.to_thread(self._listen, self._hub, stopped.is_set, stopped.wait)
        finally:
            stopped.set()

    def _listen(self, hub: Hub, is_over: Callable[[], bool], pause: Callable[[float], object]) -> None:
        while not is_over():
            try:
                with contextlib.closing(listen(self._database.reading, CHANNEL, LISTEN_S)) as words:
                    for text in words:
                        if is_over():
                            return
                        if text is not None:
                            self._pass_on(hub, text)
            except SQLAlchemyError as error:
                _log.warning("changes of other processes are not heard: %s", type(error).__name__)
                pause(AGAIN_S)
                hub.publish(frozenset({EVERYTHING}))

    def _pass_on(self, hub: Hub, text: str) -> None:
        try:
            word = msgspec.json.decode(text, type=ChangeNotice)
        except msgspec.MsgspecError:
            _log.warning("a word about changes cannot be read")
            return
        if word.sender != self._name:
            hub.publish(frozenset(word.topics))
