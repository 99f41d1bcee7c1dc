"""The station administration: what an administrator sees of the machine (`StationBoard`) and does to it beside the journeys
(`StationAdministration`, which implements `kiosk.administration_ports.Machine`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from drivers.cabinet.port import CabinetReady
from fleet.messages.link import Order, SlotState
from fleet.messages.vocabulary import DeviceStatus, Outcome
from kiosk.administration_ports import (
    BIN_FULL,
    NOT_HERE,
    AdministratorSession,
    Closed,
    DeviceOverview,
    EventOverview,
    MachineOverview,
    PartOfBoard,
    ReaderTelling,
    ResetLosses,
    SlotLook,
    SlotOverview,
)
from kiosk.errands.registry import ERRANDS, Errand
from kiosk.ports import Clock, Ended, Orders
from kiosk.receipts import Receipt
from kiosk.station import self_test
from kiosk.station.availability import Availability
from kiosk.station.devices import Devices
from kiosk.station.journal import Journal
from kiosk.station.journal_queries import last_events, unprinted, unsigned
from kiosk.station.out_of_service import OutOfService
from kiosk.station.restart import Restart
from kiosk.steps.identity.identification import RESERVE
from kiosk.stock.stocktaking import Ledger, Stock, is_reserve

SOON = timedelta(days=7)
"""A card that waits is marked so long before its last day."""
BIN_HOLDS = 50
"""Cards in a full bin."""


class Online(Protocol):
    """Link that knows whether it has a connection."""

    @property
    def online(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class StationBoard:
    """Overview of the machine: slots, devices, bin, link, and what is left undone.

    `orders`, `stock`, `journal` and `link` are None where the station can write nothing down or belongs to no fleet.
    """

    devices: Devices
    orders: Orders | None
    stock: Stock | None
    journal: Journal | None
    link: Online | None
    count_left_in: Callable[[], int]
    """How many cards were left in the reader lately."""
    clock: Clock

    async def look(self) -> MachineOverview:
        """As it is now. Raises StoreError."""
        waiting = {order.slot: order for order in (await self.orders.waiting() if self.orders else ())}
        ledger = await self.stock.look() if self.stock is not None else Ledger((), None)
        spare = frozenset(card.slot for card in ledger.lying if is_reserve(card))
        slots = tuple(
            SlotOverview(slot.number, "broken")
            if slot.number in ledger.broken or slot.door == "unknown"
            else SlotOverview(slot.number, self._slot(slot, waiting.get(slot.number), slot.number in spare))
            for slot in self.devices.slots
        )
        devices = [DeviceOverview(state.kind, state.state, state.ok) for state in self.devices.states]
        parts = (*devices, *await self._bin(), *self._link())
        return MachineOverview(slots, parts, *await self._receipts(), self.count_left_in())

    async def _receipts(self) -> tuple[int, int]:
        """Return how many receipts are not signed, and how many never came onto paper."""
        if self.journal is None:
            return 0, 0
        owed = [order.order for order in await self.orders.owed()] if self.orders else []
        as_of = await self.orders.owed_as_of() if self.orders else None
        return await unsigned(self.journal, owed, as_of), len(await unprinted(self.journal))

    def _slot(self, slot: SlotState, order: Order | None, spare: bool) -> SlotLook:
        """A slot by its sensors, and by what is ordered from it where they tell nothing."""
        if slot.door == "open":
            return "open"
        if slot.card == "empty" or (slot.card == "unknown" and order is None and not spare):
            return "empty"
        if order is None:
            return "reserve" if spare else "card"
        if order.product == RESERVE:
            return "reserve"
        return "soon" if order.last_day <= (self.clock.now() + SOON).date().isoformat() else "card"

    async def _bin(self) -> tuple[DeviceOverview, ...]:
        cabinet = self.devices.cabinet
        state = await cabinet.state() if cabinet is not None else None
        if not isinstance(state, CabinetReady):
            return ()
        status = BIN_FULL if state.bin_full else DeviceStatus.READY
        return (DeviceOverview(PartOfBoard.BIN, status, not state.bin_full, state.bin_count, BIN_HOLDS),)

    def _link(self) -> tuple[DeviceOverview, ...]:
        if self.link is None:
            return ()
        status = DeviceStatus.READY if self.link.online else DeviceStatus.OFFLINE
        return (DeviceOverview(PartOfBoard.LINK, status, self.link.online),)


@dataclass(frozen=True, slots=True)
class StationAdministration:
    """Actions of an administrator on the machine. Implements `Machine`."""

    board: StationBoard
    availability: Availability
    out_of_service: OutOfService
    changed: Callable[[], None]
    """Draws the home screen anew, and tells the fleet."""
    readers: ReaderTelling | None
    pair_cabinet: Callable[[], Awaitable[str]]
    end_when_idle: Restart
    run_errand: Callable[[Errand, AdministratorSession], Awaitable[Ended | None]]
    find_losses: Callable[[], Awaitable[ResetLosses]] | None
    """None where the station can write nothing down."""
    prepare_reset: Callable[[bool], Awaitable[bool]] | None
    begin_reset: Callable[[bool], Awaitable[None]] | None

    async def look(self) -> MachineOverview:
        """See the port. Raises StoreError."""
        return await self.board.look()

    def missing(self, errand: str) -> str | None:
        registered = next((candidate for candidate in ERRANDS if candidate.id == errand), None)
        return NOT_HERE if registered is None else self.availability.missing(registered)

    async def check(self) -> tuple[DeviceOverview, ...]:
        results = await self_test.check_devices(self.board.devices, self_test.SelfTestOptions(thorough=True))
        return tuple(DeviceOverview(result.kind, result.state, result.ok) for result in results)

    async def events(self) -> tuple[EventOverview, ...]:
        """See the port. Raises StoreError."""
        return await last_events(self.board.journal) if self.board.journal else ()

    async def unprinted(self) -> tuple[Receipt, ...]:
        """See the port. Raises StoreError."""
        return await unprinted(self.board.journal) if self.board.journal else ()

    @property
    def closed(self) -> Closed | None:
        return self.out_of_service.why

    async def close(self, why: Closed | None) -> None:
        """See the port. Raises OSError."""
        self.out_of_service.set(why)
        self.changed()

    async def pair(self) -> str:
        """See the port. The driver lets the line go meanwhile."""
        return await self.pair_cabinet()

    def restart(self) -> bool:
        return self.end_when_idle.request()

    async def losses(self) -> ResetLosses | None:
        """See the port. Raises StoreError."""
        return await self.find_losses() if self.find_losses is not None else None

    async def reset(self, *, lose_unsent: bool) -> Outcome:
        """See the port. Raises StoreError, OSError."""
        if self.prepare_reset is None or self.begin_reset is None or not self.end_when_idle.possible:
            return Outcome.REFUSED
        if not await self.prepare_reset(lose_unsent):
            return Outcome.NOT_SENT
        self.end_when_idle.request(partial(self.begin_reset, lose_unsent))
        return Outcome.ASKED

    async def run(self, errand: str, here: AdministratorSession) -> Ended | None:
        return await self.run_errand(next(candidate for candidate in ERRANDS if candidate.id == errand), here)
