"""The station as a machine, in memory: implements `Machine`, and runs what is chosen in the room's own supervisor."""

from dataclasses import replace

from fleet.messages.vocabulary import Outcome
from kiosk.administration_ports import (
    NOT_HERE,
    AdministratorSession,
    Closed,
    DeviceOverview,
    EventOverview,
    MachineOverview,
    ReaderTelling,
    ResetLosses,
    SlotOverview,
)
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended
from kiosk.receipts import Receipt
from kiosk.station.journal_queries import last_events, unprinted
from sim.stories.room import Room


class RoomHouse:
    """One room's. `begun` are the errands that were begun, with their ends; `gone` what is missing, by errand."""

    def __init__(self, room: Room, **gone: str) -> None:
        self.begun: list[tuple[str, Ended]] = []
        self.gone = gone
        self.devices: tuple[DeviceOverview, ...] = (DeviceOverview("reader", "ready", True),)
        self.closed: Closed | None = None
        self.pairs = "paired"
        self.restarts = True
        self.resets: tuple[str, ...] = (Outcome.ASKED,)
        self.readers: ReaderTelling | None = None
        self._room = room

    async def look(self) -> MachineOverview:
        return MachineOverview(
            (SlotOverview(1, "empty"), SlotOverview(2, "card")), (DeviceOverview("reader", "ready", True),)
        )

    def missing(self, errand: str) -> str | None:
        return self.gone.get(errand) or (None if errand in {candidate.id for candidate in ERRANDS} else NOT_HERE)

    async def check(self) -> tuple[DeviceOverview, ...]:
        return self.devices

    async def events(self) -> tuple[EventOverview, ...]:
        return await last_events(self._room.journal)

    async def unprinted(self) -> tuple[Receipt, ...]:
        return await unprinted(self._room.journal)

    async def close(self, why: Closed | None) -> None:
        self.closed = why

    async def pair(self) -> str:
        return self.pairs

    def restart(self) -> bool:
        return self.restarts

    async def losses(self) -> ResetLosses | None:
        return ResetLosses("made-up", 0, (2,), 1)

    async def reset(self, *, lose_unsent: bool) -> Outcome:
        outcome, self.resets = self.resets[0], self.resets[1:]
        return Outcome(outcome)

    async def run(self, errand: str, here: AdministratorSession) -> Ended | None:
        room, outer = self._room, self._room.log
        definition = next(candidate for candidate in ERRANDS if candidate.id == errand)
        log = await room.journal.start(errand)
        ended = await room.supervisor.run(definition.journey, replace(room.caps, administrator_session=here), log)
        self.begun.append((errand, ended))
        room.log = outer
        return ended
