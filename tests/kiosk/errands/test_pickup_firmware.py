"""The pick-up over the real firmware: the same journey, with a board behind a cable that may start anew or be pulled out."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.errands.pickup.stories import DONE, PAPER, STARTED
from kiosk.ports import Ended
from sim.cabinet.twin import BoardTwin
from sim.stories.person import Person, Story, drops, first, takes
from sim.stories.room import Room
from sim.stories.setting import SLOTS, Setting, own_card

SLOT = 2


@pytest.fixture
async def room(make_room: Callable[[Setting], Room], tmp_path: Path) -> AsyncIterator[Room]:
    room = make_room(Setting())
    twin = BoardTwin(tmp_path, 24, cards=SLOTS, on_change=room.world.moved)
    room.world.cabinet = twin  # type: ignore[assignment]
    room.equip(cabinet=twin.driver)
    await twin.start()
    twin.driver.start()
    await twin.driver.state()
    yield room
    await twin.driver.close()
    await twin.stop()


def board(room: Room) -> BoardTwin:
    twin: Any = room.world.cabinet
    assert isinstance(twin, BoardTwin)
    return twin


async def walk(room: Room, story: Story) -> Ended:
    someone = Person(room.world, room.clock, story)
    ended = await room.errand(someone)
    if someone.failure is not None:
        raise someone.failure
    return ended


async def test_the_whole_pick_up(room: Room) -> None:
    twin = board(room)
    ended = await walk(room, own_card())

    assert ended.outcome == "done"
    assert await room.told() == [*PAPER, *DONE]
    assert (twin.open_slot_number, twin.drop.locked, twin.drop.binned) == (None, True, ("1:old",))
    assert twin.driver.bin_count == 1
    assert SLOT not in twin.cards
    assert 0 < twin.longest_coil_s < 0.5


async def test_a_jammed_door(room: Room) -> None:
    room.world.jam(SLOT, True)
    ended = await walk(room, own_card() | {"pickup.stop.slot_jammed": "end"})

    assert (ended.outcome, ended.reason) == ("fault", "slot_jammed")
    assert await room.told() == [*STARTED, "slot.open not_opened", "ended fault"]


async def test_a_cable_that_is_out_before_the_slot_opens(room: Room) -> None:
    async def gone() -> None:
        while twin.driver.bin_count is not None:
            await twin.driver.changed()

    twin = board(room)
    twin.pull_cable()
    await gone()
    ended = await walk(room, own_card() | {"pickup.stop.slot_mute": "end"})

    assert (ended.outcome, ended.reason) == ("fault", "slot_mute")
    assert twin.open_slot_number is None


async def test_a_cable_that_breaks_while_the_slot_opens_and_the_sensors_tell_later(room: Room) -> None:
    twin = board(room)

    def moved() -> None:
        if twin.open_slot_number == SLOT and not broken:
            broken.append(True)
            twin.pull_cable()

    broken: list[bool] = []
    twin.on_change = moved
    back = first(lambda _: twin.pull_cable(False), takes(SLOT))
    ended = await walk(room, own_card(take=back))

    assert ended.outcome == "done"
    assert (await room.told())[1:4] == ["slot.open unknown", "slot.open opened", "slot.take taken"]


async def test_a_board_that_starts_anew_while_the_door_is_open(room: Room) -> None:
    twin = board(room)
    ended = await walk(room, own_card(take=first(lambda _: twin.restart(), takes(SLOT))))

    assert ended.outcome == "done"
    assert twin.driver.restarts == 1
    assert await room.told() == [*PAPER, *DONE]


async def test_a_hand_in_the_drop_slot_leaves_the_old_card_with_its_holder(room: Room) -> None:
    twin = board(room)
    ended = await walk(room, own_card(drop_old=lambda person: person.world.reach_in()))

    assert ended.outcome == "done"
    assert "drop.card fishing" in await room.told()
    assert (twin.drop.locked, twin.driver.bin_count) == (True, 0)


async def test_noise_all_the_way_changes_nothing(room: Room) -> None:
    twin = board(room)

    def noisy(action: Any) -> Any:
        return first(lambda _: twin.make_noise(), action)

    ended = await walk(room, own_card(take=noisy(takes(SLOT)), drop_old=noisy(drops("1:old"))))

    assert ended.outcome == "done"
    assert await room.told() == [*PAPER, *DONE]
