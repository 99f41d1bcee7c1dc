"""Key rotation at the station: the chain of the server's keys in its file, asked for on each connect, applied again at each
start."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from fleet.agent.answer_verification import SyncRefused
from fleet.agent.keeping import Asker, keep_fresh
from fleet.agent.server_keys import ServerKeys
from fleet.agent.store import StationStore
from fleet.messages.key_rotation import KeysAsk, RotationError

SCHEMA = """
CREATE TABLE IF NOT EXISTS server_key (sequence INTEGER PRIMARY KEY, statement TEXT NOT NULL) STRICT;
"""

EVERY_S = 3600.0

log = logging.getLogger(__name__)


class KeyBook:
    """Keeps the statements in the station's file, and asks for new ones. `store` was opened with `SCHEMA` among its schemas."""

    def __init__(self, store: StationStore, link: Asker, keys: ServerKeys) -> None:
        """Takes what is kept. Raises StoreError."""
        self._store, self._link, self._keys = store, link, keys
        self._wake = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        try:
            keys.take(store.transact_now(_kept))
        except RotationError as error:
            log.error("the kept keys of the server are not believed: %s", error)

    def on_rotation(self, listener: Callable[[], None]) -> None:
        """Call `listener()` once new keys have been taken: what could not be verified before may be asked for again."""
        self._listeners.append(listener)

    async def refresh(self, timeout_s: float = 10.0) -> None:
        """Ask for the chain and keep what is new. Raises LinkDown, AskTimeout, SyncRefused (then nothing changes), StoreError."""
        answer = await self._link.ask(KeysAsk(), timeout_s)
        try:
            fresh = self._keys.take(answer.keys)
        except RotationError as error:
            raise SyncRefused("forged", str(error)) from None
        for handover in fresh:
            log.warning("the server has rotated its keys: statement %d of %s", handover.sequence, handover.made.date())
        if fresh:
            for listener in self._listeners:
                listener()
        rows = [(taken.sequence, taken.text) for taken in self._keys.taken]
        await self._store.transact(lambda cx: cx.executemany("INSERT OR IGNORE INTO server_key VALUES (?, ?)", rows))

    async def run(self, every_s: float = EVERY_S) -> None:
        """Keep them fresh until cancelled: on each connect and every `every_s` seconds."""
        await keep_fresh(self._link, self._wake, self.refresh, "the server's keys", every_s=every_s)


def _kept(cx: sqlite3.Connection) -> tuple[str, ...]:
    return tuple(row[0] for row in cx.execute("SELECT statement FROM server_key ORDER BY sequence"))
