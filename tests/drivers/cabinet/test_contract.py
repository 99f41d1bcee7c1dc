"""What every cabinet keeps to: the one in the process, and the firmware behind the driver, on MicroPython's Unix port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from drivers.cabinet.port import (
    CabinetFinding,
    CabinetReady,
    CabinetState,
    Dropped,
    NotDropped,
    NotOpened,
    Opened,
    SlotFault,
    SlotReading,
)
from sim.cabinet.mechanics import MechanicsError
from tests.fakes.cabinet.cabinet_and_hands import LIMIT_S, Fitted, fitted

Make = Callable[..., AbstractAsyncContextManager[Fitted]]


@pytest.fixture(params=["in-process", "firmware"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    @contextlib.asynccontextmanager
    async def made(**more: Any) -> AsyncIterator[Fitted]:
        async with asyncio.timeout(LIMIT_S), fitted(request.param, tmp_path, cards={1: "asa", 2: "bo"}, **more) as it:
            yield it

    return made


def counts(number: int) -> Callable[[CabinetState], bool]:
    return lambda state: isinstance(state, CabinetReady) and state.bin_count == number


async def test_it_tells_where_cards_lie_and_that_all_is_closed(make: Make) -> None:
    async with make() as it:
        slots = (
            SlotReading(1, "present", "closed"),
            SlotReading(2, "present", "closed"),
            SlotReading(3, "empty", "closed"),
        )
        assert await it.cabinet.state() == CabinetReady(slots, 0, False)
        assert it.cabinet.virtual


async def test_a_card_is_taken_through_the_door_that_was_opened(make: Make) -> None:
    async with make() as it:
        taken = asyncio.create_task(it.cabinet.wait_slot(1, card="empty", door="closed"))
        with pytest.raises(MechanicsError, match="closed"):
            it.body.take_card(1)
        assert await it.cabinet.open_slot(1) == Opened()
        assert it.body.take_card(1) == "asa"
        assert (await it.cabinet.wait_slot(1, card="empty", door=None)).door == "open"
        assert not taken.done(), "the door is still open"
        it.body.close_door(1)

        assert await taken == SlotReading(1, "empty", "closed")


async def test_one_door_at_a_time_and_an_open_one_is_open(make: Make) -> None:
    async with make() as it:
        assert await it.cabinet.open_slot(1) == Opened()
        assert await it.cabinet.open_slot(2) == NotOpened(SlotFault.OTHER_OPEN)
        assert await it.cabinet.open_slot(1) == Opened()
        assert it.body.open_slot_number == 1


async def test_two_openings_at_once_open_one_door(make: Make) -> None:
    async with make() as it:
        outcomes = await asyncio.gather(it.cabinet.open_slot(1), it.cabinet.open_slot(2))

        assert sorted(map(repr, outcomes)) == sorted(map(repr, [Opened(), NotOpened(SlotFault.OTHER_OPEN)]))


async def test_a_jammed_door_is_named_and_opens_when_it_is_freed(make: Make) -> None:
    async with make() as it:
        it.body.set_jammed(2)
        assert await it.cabinet.open_slot(2) == NotOpened(SlotFault.JAMMED)
        assert it.body.open_slot_number is None
        it.body.set_jammed(2, False)
        assert await it.cabinet.open_slot(2) == Opened()


@pytest.mark.parametrize("number", [0, 4, 300])
async def test_a_slot_that_is_not_there(number: int, make: Make) -> None:
    async with make() as it:
        assert await it.cabinet.open_slot(number) == NotOpened(SlotFault.NO_SUCH_SLOT)
        with pytest.raises(ValueError, match="no slot"):
            await it.cabinet.wait_slot(number, card=None, door=None)


async def test_a_door_that_the_service_key_opened_is_seen(make: Make) -> None:
    async with make() as it:
        it.body.open_door(3)
        it.body.put_card(3, "new")
        assert await it.cabinet.wait_slot(3, card="present", door="open") == SlotReading(3, "present", "open")


async def test_a_dropped_card_is_counted_and_the_flap_locks_behind_it(make: Make) -> None:
    async with make() as it:
        with pytest.raises(MechanicsError, match="locked"):
            it.body.drop.drop_card("old")
        assert await it.cabinet.open_drop() == Opened()
        waited = asyncio.create_task(it.cabinet.wait_drop())
        await asyncio.sleep(0)
        it.body.drop.drop_card("old")

        assert await waited == Dropped(1)
        assert await it.sees(lambda _: it.body.drop.locked)
        assert await it.sees(counts(1))
        assert await it.cabinet.wait_drop() == NotDropped("nothing"), "each watch has one end"


async def test_a_card_dropped_before_the_station_waits_is_not_missed(make: Make) -> None:
    async with make() as it:
        await it.cabinet.open_drop()
        it.body.drop.drop_card("old")

        assert await it.cabinet.wait_drop() == Dropped(1)


async def test_a_card_pulled_back_from_a_held_flap_counts_nothing(make: Make) -> None:
    async with make() as it:
        await it.cabinet.open_drop()
        it.body.drop.hold_flap()
        it.body.drop.drop_card("old")
        assert it.body.drop.fish_card() == "old"

        assert await it.cabinet.wait_drop() == NotDropped("fishing")
        assert counts(0)(await it.cabinet.state())


async def test_a_hand_that_reaches_in_is_fishing(make: Make) -> None:
    async with make() as it:
        with pytest.raises(MechanicsError, match="locked"):
            it.body.drop.reach_in()
        await it.cabinet.open_drop()
        it.body.drop.reach_in()

        assert await it.cabinet.wait_drop() == NotDropped("fishing")


@pytest.mark.parametrize(("held", "fault"), [(False, "nothing"), (True, "jam")])
async def test_a_watch_whose_time_is_up_says_how_far_the_card_came(held: bool, fault: Any, make: Make) -> None:
    async with make(drop_limit_s=1) as it:
        await it.cabinet.open_drop()
        if held:
            it.body.drop.hold_flap()
            it.body.drop.drop_card("old")

        assert await it.cabinet.wait_drop() == NotDropped(fault)
        await it.sees(lambda _: it.body.drop.locked)


async def test_a_wait_that_is_given_up_locks_the_flap_and_the_next_watch_is_its_own(make: Make) -> None:
    async with make() as it:
        await it.cabinet.open_drop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await it.cabinet.wait_drop()
        await it.sees(lambda _: it.body.drop.locked)

        assert await it.cabinet.open_drop() == Opened()
        it.body.drop.drop_card("old")
        assert await it.cabinet.wait_drop() == Dropped(1)


async def test_a_full_bin_keeps_the_flap_locked_until_it_is_emptied(make: Make) -> None:
    async with make(bin_holds=1) as it:
        await it.cabinet.open_drop()
        it.body.drop.drop_card("old")
        assert await it.cabinet.wait_drop() == Dropped(1)
        await it.sees(lambda state: isinstance(state, CabinetReady) and state.bin_full)

        assert await it.cabinet.open_drop() == NotOpened(SlotFault.BIN_FULL)
        assert await it.cabinet.wait_drop() == NotDropped("full")
        assert it.body.drop.empty_bin() == ("old",)
        await it.sees(lambda state: isinstance(state, CabinetReady) and not state.bin_full)
        assert await it.cabinet.open_drop() == Opened()


async def test_a_bin_that_was_emptied_counts_from_nought(make: Make) -> None:
    async with make() as it:
        await it.cabinet.open_drop()
        it.body.drop.drop_card("old")
        assert await it.cabinet.wait_drop() == Dropped(1)
        it.body.drop.empty_bin()

        assert await it.cabinet.clear_bin()
        assert await it.sees(counts(0))


async def test_a_self_test_finds_the_door_that_stands_open_and_the_one_that_sticks(make: Make) -> None:
    async with make() as it:
        assert await it.cabinet.self_test() == frozenset()
        it.body.set_jammed(2)
        assert await it.cabinet.open_slot(2) == NotOpened(SlotFault.JAMMED)
        it.body.open_door(1)
        await it.cabinet.wait_slot(1, card=None, door="open")

        assert await it.cabinet.self_test() == {CabinetFinding.DOOR_OPEN, CabinetFinding.JAMMED}
