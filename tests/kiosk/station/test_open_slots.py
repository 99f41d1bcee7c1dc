"""A slot that stands open: the errand waits for its door, and the first screen tells of one until it is shut or seen to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.port import Opened
from fleet.agent.store import StoreError
from fleet.messages.link import SlotState
from fleet.messages.vocabulary import Effect
from kiosk.ports import Ended, ErrandEndedError
from kiosk.station.build import open_station
from kiosk.station.devices import Devices
from kiosk.station.home_controller import CardKnowledge, HomeContent, HomeController
from kiosk.station.open_slots import PROBLEM, OpenSlots
from kiosk.station.problems import Problems
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.steps.context import ErrandContext
from kiosk.views import CabinetDrawing, View
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion
from sim.stories.person import Person, leaves, takes
from sim.stories.room import Room
from sim.stories.setting import Setting, own_card, room_for
from tests.fakes.station.visitor import in_region

SLOT = 2


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = room_for(tmp_path, Setting())
    yield made
    await made.close()


def filling(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """The disk is full from when something is put into that list until it is emptied."""
    transact, full = room.store.transact, list[bool]()

    async def until_full(work: Any) -> Any:
        if full:
            raise StoreError(room.store.path, "full")
        return await transact(work)

    monkeypatch.setattr(room.store, "transact", until_full)
    return full


async def test_whoever_stands_before_an_open_slot_is_not_sent_away_when_the_disk_is_full(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome of `slot.open` cannot be written. Before, the screen said "nothing more", and the door stood open."""
    full = filling(room, monkeypatch)

    async def opens(context: ErrandContext) -> Ended:
        async def act() -> Any:
            opened = await room.world.cabinet.open_slot(SLOT)
            full.append(True)
            return opened

        await context.log.effect(Effect.SLOT_OPEN, act(), slot=SLOT)
        return Ended("done")

    someone = Person(room.world, room.clock, {"closing.open_door": takes(SLOT), "closing.store": "end"})
    await room.errand(someone, opens)
    assert someone.names == ["closing.open_door", "closing.store"]
    assert someone.shown[0].drawing == CabinetDrawing(24, SLOT)
    assert room.world.cabinet.open_slot_number is None


async def test_a_fault_of_ours_waits_for_the_door_too(room: Room) -> None:
    async def crashes(context: ErrandContext) -> Ended:
        assert context.caps.cabinet is not None
        assert await context.log.effect(Effect.SLOT_OPEN, context.caps.cabinet.open_slot(SLOT), slot=SLOT) == Opened()
        raise ZeroDivisionError

    someone = Person(room.world, room.clock, {"closing.open_door": takes(SLOT), "closing.crash": "end"})
    ended = await room.errand(someone, crashes)
    assert someone.names == ["closing.open_door", "closing.crash"]
    assert (ended.reason, await room.told()) == ("crash", ["errand.started", "slot.open opened", "ended fault"])


async def test_a_door_that_nobody_shuts_is_told_and_the_errand_ends(room: Room) -> None:
    story = {**own_card(), "pickup.take": leaves, "closing.open_door": leaves}
    someone = Person(room.world, room.clock, story)
    ended = await room.errand(someone)
    assert ended.outcome == "timed_out"
    assert (await room.told())[-2:] == ["slot.close left_open", "ended timed_out"]


def home_of(room: Room, look: OpenSlots, someone: Person) -> HomeController:
    supervisor = Supervisor(someone, None, room.clock, Limits())
    content = HomeContent("", lambda: (), [], lambda: None, open_slot=look.look, office="ID-kontoret, plan 2")
    return HomeController(supervisor, content, CardKnowledge(room.clock), asyncio.Event(), None)


def doors(*open_: int) -> tuple[SlotState, ...]:
    return tuple(SlotState(number, "empty", "open" if number in open_ else "closed") for number in range(1, 25))


async def test_a_door_that_stands_open_at_the_start_is_the_first_screen_until_it_is_shut(room: Room) -> None:
    """As after a power cut: only the cabinet says so."""
    devices, problems = Devices(slots=doors(14)), Problems()
    look = OpenSlots(devices, problems)
    someone = Person(room.world, room.clock, {"home.open_slot": "others", "home": leaves})
    assert await home_of(room, look, someone).choose() is None
    assert someone.names == ["home.open_slot", "home"], (
        "who wants something else gets there, and the door is told again after"
    )
    view = someone.shown[0]
    assert view.title.args == (("slot", 14),)
    assert view.drawing == CabinetDrawing(24, 14)
    assert problems.codes == {PROBLEM}
    devices.slots = doors()
    assert look.look() is None
    assert problems.codes == frozenset()


async def test_an_administrator_who_was_there_gives_the_home_screen_back_until_the_next_door(room: Room) -> None:
    devices, problems = Devices(slots=doors(14)), Problems()
    look = OpenSlots(devices, problems)
    assert (found := look.look()) is not None
    assert not found.seen_to
    look.see_to()
    assert (found := look.look()) is not None
    assert found.seen_to
    assert problems.codes == {PROBLEM}, "it is still open"
    devices.slots = doors(3, 14)
    assert (found := look.look()) is not None
    assert (found.number, found.seen_to) == (3, False)
    devices.slots = doors()
    look.look()
    devices.slots = doors(14)
    assert (found := look.look()) is not None
    assert not found.seen_to, "it was opened anew"


class FirstScreen:
    """Sees what comes up first, and goes."""

    def __init__(self) -> None:
        self.seen: list[View[Any]] = []

    patience = 1.0

    def set_activity(self, notice: Any) -> None:
        """Never idle."""

    async def warn(self, view: View[Any], seconds: float) -> bool:
        return False

    async def show(self, view: View[Any]) -> Any:
        self.seen.append(view)
        raise ErrandEndedError


async def test_a_station_that_starts_on_an_open_door_says_so_and_tells_the_fleet(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    """The whole station, on the virtual cabinet: the power went while a door was open."""
    world.open_door(14)
    config, base = in_region(region, tmp_path / "data")
    screen = FirstScreen()
    async with open_station(config, base, screen, virtual=world) as station:
        assert await station.home.choose() is None
        assert [view.name for view in screen.seen] == ["home.open_slot"]
        assert {one.code: "slot 14" in one.text for one in station.problems} == {PROBLEM: True}
        assert [slot.number for slot in station.report.state().slots if slot.door == "open"] == [14]
        world.close_door(14)
        await station.devices.look()
        assert await station.home.choose() is None
        assert (screen.seen[-1].name, station.problems) == ("home", ())
