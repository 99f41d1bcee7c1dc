"""The station as a machine, for its administrator: implements `kiosk.administration_ports.House` over the station that runs."""

from datetime import timedelta
from typing import TYPE_CHECKING, get_args

from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.port import CabinetReady
from drivers.reader.model import CardFacts
from fleet.messages.link import Order, SlotState
from kiosk.administration_ports import NOT_HERE, AtMenu, Closed, Device, DeviceKind, Happened, Look, Slot, SlotLook
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended
from kiosk.receipts import Receipt
from kiosk.station import cabinet_pairing as pairing
from kiosk.station import self_test as selftest
from kiosk.station.journal_queries import last_events, unprinted, unsigned
from kiosk.steps.identity.identification import RESERVE
from kiosk.stock.stocktaking import Ledger, is_reserve

if TYPE_CHECKING:
    from kiosk.station.station import Station

SOON = timedelta(days=7)
"""So long before its last day a card that waits is marked."""
BIN_HOLDS = 50
"""Cards in a full bin."""


class StationHouse:
    """One station's."""

    def __init__(self, station: "Station") -> None:
        self._station = station

    async def look(self) -> Look:
        """What is to be seen of it. Raises StoreError."""
        station = self._station
        desk = station.desk()
        waiting = {order.slot: order for order in (await desk.orders.waiting() if desk else ())}
        ledger = await desk.stock.look() if desk is not None and desk.stock is not None else Ledger((), None)
        spare = frozenset(card.slot for card in ledger.lying if is_reserve(card))
        slots = tuple(
            Slot(one.number, "broken")
            if one.number in ledger.broken or one.door == "unknown"
            else Slot(one.number, self._slot(one, waiting.get(one.number), one.number in spare))
            for one in station.devices.slots
        )
        devices = [Device(one.kind, one.state, one.ok) for one in station.devices.states]
        journal = station.books.journal if station.books else None
        counts = (await unsigned(journal), len(await unprinted(journal))) if journal else (0, 0)
        left_in = station.left_in.lately() if station.left_in is not None else 0
        return Look(slots, (*devices, *await self._bin(), *self._link()), *counts, left_in)

    async def administers(self, facts: CardFacts) -> bool:
        """Whether the card is, by its HSA-id, that of an administrator on the list. It has proved nothing yet."""
        desk = self._station.desk()
        return desk is not None and await desk.orders.administrator(facts.holder.hsa_id) is not None

    def missing(self, errand: str) -> str | None:
        """What keeps that errand from being offered."""
        found = next((one for one in ERRANDS if one.id == errand), None)
        return NOT_HERE if found is None else self._station.missing(found)

    async def check(self) -> tuple[Device, ...]:
        """The self test of every device."""
        found = await selftest.check(self._station.devices, selftest.Wishes(thorough=True))
        return tuple(Device(_kind(one.kind), one.state, one.ok) for one in found)

    async def events(self) -> tuple[Happened, ...]:
        """What happened last, without whom it was about. Raises StoreError."""
        books = self._station.books
        return await last_events(books.journal) if books else ()

    async def unprinted(self) -> tuple[Receipt, ...]:
        """Receipts that never came onto paper. Raises StoreError."""
        books = self._station.books
        return await unprinted(books.journal) if books else ()

    @property
    def closed(self) -> Closed | None:
        """Why the station is out of service."""
        return self._station.out_of_service.why

    async def close(self, why: Closed | None) -> None:
        """Out of service, or back. Raises OSError."""
        self._station.out_of_service.set(why)
        self._station.changed()

    async def pair(self) -> str:
        """Pair the cabinet's board with this station: the line is let go meanwhile."""
        station = self._station
        if station.config.cabinet.kind != "serial" or not isinstance(station.devices.cabinet, SerialCabinet):
            return "no_cabinet"
        return await pairing.pair(
            station.devices.cabinet, station.base / station.config.cabinet.key, station.config.cabinet.port
        )

    def restart(self) -> bool:
        """Start the program anew once no errand runs any more."""
        self._station.restarts = self._station.on_restart is not None
        return self._station.restarts

    async def run(self, errand: str, here: AtMenu) -> Ended | None:
        """One errand of the administrator's, to its end."""
        return await self._station.run(next(one for one in ERRANDS if one.id == errand), here)

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
        return "soon" if order.last_day <= (self._station.clock.now() + SOON).date().isoformat() else "card"

    async def _bin(self) -> tuple[Device, ...]:
        cabinet = self._station.devices.cabinet
        state = await cabinet.state() if cabinet is not None else None
        if not isinstance(state, CabinetReady):
            return ()
        return (Device("bin", "full" if state.bin_full else "ready", not state.bin_full, state.bin_count, BIN_HOLDS),)

    def _link(self) -> tuple[Device, ...]:
        side = self._station.fleet
        if side is None:
            return ()
        return (Device("link", "ready" if side.link.online else "offline", side.link.online),)


def _kind(name: str) -> DeviceKind:
    """A self test's kind of device."""
    return next(one for one in get_args(DeviceKind) if one == name)
