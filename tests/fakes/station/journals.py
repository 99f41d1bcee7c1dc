"""A station's journal on a file, with what it wrote."""

from pathlib import Path
from typing import Any

from fleet.agent import outbox, sync
from fleet.agent.at_rest import AtRestCipher
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages import events
from kiosk.station import journal as journal_module
from kiosk.station.journal import Journal
from sim.stories.clock import HandClock
from sim.stories.devices import STATION
from sim.stories.room import assert_chain, short

SCHEMAS = [outbox.SCHEMA, sync.SCHEMA, journal_module.SCHEMA]


class File:
    """The station's file over several boots."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "station.sqlite"
        self.store = self._open()
        self.boots = 1
        self.cipher: AtRestCipher | None = None
        self.journal = self._journal()

    def boot_again(self) -> Journal:
        """As after a power cut: the same file, a new boot."""
        self.store.close()
        self.store = self._open()
        self.boots += 1
        self.journal = self._journal()
        return self.journal

    def _open(self) -> StationStore:
        return StationStore.open(self._path, schemas=SCHEMAS)

    def _journal(self) -> Journal:
        return Journal(self.store, EventChain(STATION, 1, f"boot-{self.boots}"), HandClock(), cipher=self.cipher)

    def encrypt(self) -> None:
        """From here on, also over a restart, orders are encrypted."""
        self.cipher = AtRestCipher(STATION, bytes(32))
        self.journal = self._journal()

    async def told(self) -> list[str]:
        def read(cx: Any) -> Any:
            return cx.execute("SELECT envelope, data, salt FROM outbox ORDER BY sequence").fetchall()

        found = [events.restore(*row) for row in await self.store.transact(read)]
        assert_chain(found)
        return [short(event) for event in found]

    async def effects(self) -> list[tuple[str, str | None]]:
        rows: list[tuple[str, str | None]] = await self.store.transact(
            lambda cx: cx.execute("SELECT name, outcome FROM effect ORDER BY id").fetchall()
        )
        return rows
