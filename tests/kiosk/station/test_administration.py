"""What the administrator's board shows of a slot: its sensors, what is ordered from it, and what the station's list has there."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drivers.cabinet.port import NotOpened, Opened, SlotFault
from fleet.messages.link import Order, SlotState
from fleet.messages.vocabulary import EventType
from kiosk.station.administration import StationBoard
from kiosk.station.devices import Devices
from sim.stories.clock import NOW
from sim.stories.devices import HeldOrders, order_of
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, room_for
from sim.stories.stock import before

SPARE = "9999000077770001"


async def looks(room: Room, *slots: SlotState) -> list[str]:
    """How the board shows those slots."""
    board = StationBoard(Devices(slots=slots), room.caps.orders, room.caps.stock, None, None, lambda: 0, room.clock)
    look = await board.look()
    assert [one.number for one in look.slots] == [one.number for one in slots]
    return [one.look for one in look.slots]


class Owed(HeldOrders):
    """What the server says is owed, whatever happened at this station."""

    people: tuple[int, ...] = ()
    as_of: datetime | None = NOW

    async def owed(self) -> tuple[Order, ...]:
        return tuple(one for one in self.all if one.order in [order_of(each).order for each in self.people])

    async def owed_as_of(self) -> datetime | None:
        return self.as_of


@pytest.mark.parametrize(
    ("people", "as_of", "shown"),
    [
        ((1, 2), NOW + timedelta(minutes=1), 2),  # of a store that is new, the second
        ((), NOW + timedelta(minutes=1), 0),  # signed at another station since
        ((), NOW - timedelta(minutes=1), 1),  # the server has not heard of it
        ((), None, 1),
    ],
)
async def test_the_board_counts_receipts_as_the_server_knows_them(
    tmp_path: Path, people: tuple[int, ...], as_of: datetime | None, shown: int
) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting(orders=(1, 2)))
        orders = Owed([order_of(1), order_of(2)], [], room.journal)
        orders.people, orders.as_of = people, as_of
        board = StationBoard(Devices(slots=()), orders, room.caps.stock, room.journal, None, lambda: 0, room.clock)
        try:
            log = await room.journal.start("pickup")
            await log.about(order_of(1))
            await log.note(EventType.EFFECT_DONE, effect="card.unblock", outcome="accepted")
            seen = (await board.look()).unsigned
        finally:
            await room.close()
    assert seen == shown


async def said(outcome: object) -> object:
    return outcome


async def test_each_slot_looks_like_what_lies_there(tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting(orders=(1, 2)))
        before((SPARE, 3), (order_of(2), 4))(room)
        slots = (
            SlotState(2, "present", "closed"), SlotState(3, "present", "closed"), SlotState(4, "empty", "closed"),
            SlotState(5, "present", "closed"), SlotState(6, "empty", "open"), SlotState(7, "unknown", "closed"),
        )  # fmt: skip
        try:
            seen = await looks(room, *slots)
        finally:
            await room.close()
    assert seen == ["card", "reserve", "empty", "card", "open", "empty"]


async def test_a_slot_that_jammed_is_broken_until_it_opens_again(tmp_path: Path) -> None:
    """Another door that stood open is no fault of the slot."""
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting())
        log = await room.journal.start("service")
        seen = []
        try:
            for came in (
                NotOpened(SlotFault.OTHER_OPEN),
                NotOpened(SlotFault.JAMMED),
                NotOpened(SlotFault.MUTE),
                Opened(),
            ):
                await log.effect("slot.open", said(came), slot=4)
                seen.append(await looks(room, SlotState(4, "empty", "closed"), SlotState(5, "empty", "unknown")))
        finally:
            await room.close()
    assert seen == [["empty", "broken"], ["broken", "broken"], ["broken", "broken"], ["empty", "broken"]]
