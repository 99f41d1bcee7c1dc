"""The virtual cabinet keeps the real one's rules: what a hand cannot do at the machine it cannot do here."""

import asyncio
import json

import pytest

from drivers.cabinet.port import (
    CabinetMute,
    CabinetReady,
    Dropped,
    NotDropped,
    NotOpened,
    Opened,
    OpenUnknown,
    SlotFault,
    SlotReading,
)
from sim.cabinet.virtual import COIL_LIMIT_S, DROP_LIMIT_S, MechanicsError, VirtualCabinet


class Clock:
    """Time that passes only when a test says so: whoever sleeps wakes when it is his time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.Event()
        self._sleepers.append((self.now + seconds, wake))
        await wake.wait()

    async def advance(self, seconds: float) -> None:
        await settle()
        self.now += seconds
        for due, wake in self._sleepers:
            if due <= self.now:
                wake.set()
        await settle()


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def never(_seconds: float) -> None:
    await asyncio.Event().wait()


def ready(**more: int) -> VirtualCabinet:
    return VirtualCabinet(slots=3, cards={1: "asa", 2: "bo"}, sleep=at_once, **more)


def waiting(**more: int) -> VirtualCabinet:
    return VirtualCabinet(slots=3, cards={1: "asa"}, sleep=never, **more)


async def test_a_card_is_taken_from_the_slot_that_was_opened() -> None:
    cabinet = ready()
    taken = asyncio.create_task(cabinet.wait_slot(1, card="empty", door="closed"))

    with pytest.raises(MechanicsError, match="closed"):
        cabinet.take_card(1)
    assert await cabinet.open_slot(1) == Opened()
    assert cabinet.take_card(1) == "asa"
    await settle()
    assert not taken.done(), "the door is still open"
    cabinet.close_door(1)

    assert await taken == SlotReading(1, "empty", "closed")
    assert cabinet.cards == {2: "bo"}


async def test_one_door_at_a_time() -> None:
    cabinet = ready()
    await cabinet.open_slot(1)

    assert await cabinet.open_slot(2) == NotOpened(SlotFault.OTHER_OPEN)
    assert await cabinet.open_slot(1) == Opened(), "it is open already"
    with pytest.raises(MechanicsError):
        cabinet.take_card(2)


async def test_two_openings_at_once_open_one_door() -> None:
    cabinet = ready()

    outcomes = await asyncio.gather(cabinet.open_slot(1), cabinet.open_slot(2))

    assert sorted(map(repr, outcomes)) == sorted(map(repr, [Opened(), NotOpened(SlotFault.OTHER_OPEN)]))


@pytest.mark.parametrize("number", [0, -1, 4])
async def test_a_slot_that_is_not_there(number: int) -> None:
    cabinet = ready()

    assert await cabinet.open_slot(number) == NotOpened(SlotFault.NO_SUCH_SLOT)
    with pytest.raises(ValueError, match="no slot"):
        await cabinet.wait_slot(number, card=None, door=None)


async def test_a_jammed_door_is_driven_for_the_coil_s_limit_and_no_longer() -> None:
    clock = Clock()
    cabinet = VirtualCabinet(slots=1, clock=lambda: clock.now, sleep=clock.sleep)
    cabinet.set_jammed(1)

    opening = asyncio.create_task(cabinet.open_slot(1))
    await clock.advance(COIL_LIMIT_S)

    assert await opening == NotOpened(SlotFault.JAMMED)
    assert cabinet.longest_coil_s == COIL_LIMIT_S


async def test_a_station_that_gives_up_leaves_no_coil_on() -> None:
    clock = Clock()
    cabinet = VirtualCabinet(slots=2, clock=lambda: clock.now, sleep=clock.sleep)
    cabinet.set_jammed(1)
    opening = asyncio.create_task(cabinet.open_slot(1))
    await clock.advance(0.1)

    opening.cancel()
    await clock.advance(100)

    assert cabinet.longest_coil_s == pytest.approx(0.1)
    again = asyncio.create_task(cabinet.open_slot(2))
    await clock.advance(1)
    assert await again == Opened()


async def test_a_mute_cabinet_says_nothing_and_opens_nothing() -> None:
    cabinet = ready()
    cabinet.set_mute()

    assert await cabinet.state() == CabinetMute()
    assert await cabinet.open_slot(1) == NotOpened(SlotFault.MUTE)
    assert await cabinet.open_drop() == NotOpened(SlotFault.MUTE)


async def test_a_lost_answer_is_not_taken_for_a_closed_door() -> None:
    cabinet = ready()
    cabinet.lose_next_answer()

    assert await cabinet.open_slot(1) == OpenUnknown()
    state = await cabinet.state()
    assert isinstance(state, CabinetReady)
    assert state.slots[0] == SlotReading(1, "present", "open")


async def test_a_card_cannot_be_put_upon_another() -> None:
    cabinet = ready()
    await cabinet.open_slot(1)

    with pytest.raises(MechanicsError, match="holds a card"):
        cabinet.put_card(1, "second")


async def test_the_wrong_card_can_be_put_back() -> None:
    cabinet = ready()
    await cabinet.open_slot(1)
    card = cabinet.take_card(1)
    cabinet.put_card(1, card)
    cabinet.close_door(1)

    assert await cabinet.wait_slot(1, card="present", door="closed") == SlotReading(1, "present", "closed")


async def test_a_dropped_card_is_counted_and_the_flap_locks_behind_it() -> None:
    cabinet = waiting()
    with pytest.raises(MechanicsError, match="locked"):
        cabinet.drop.drop_card("old")

    assert await cabinet.open_drop() == Opened()
    waited = asyncio.create_task(cabinet.wait_drop())
    await settle()
    cabinet.drop.drop_card("old")
    with pytest.raises(MechanicsError, match="locked"):
        cabinet.drop.drop_card("another")

    assert await waited == Dropped(1)
    assert cabinet.drop.locked
    assert cabinet.drop.binned == ("old",)


async def test_a_card_dropped_before_the_station_waits_is_not_missed() -> None:
    cabinet = waiting()
    await cabinet.open_drop()
    cabinet.drop.drop_card("old")

    assert await cabinet.wait_drop() == Dropped(1)


async def test_a_card_pulled_back_from_a_held_flap_counts_nothing() -> None:
    cabinet = waiting()
    await cabinet.open_drop()
    cabinet.drop.hold_flap()
    cabinet.drop.drop_card("old")

    assert cabinet.drop.fish_card() == "old"
    assert await cabinet.wait_drop() == NotDropped("fishing")
    assert cabinet.drop.binned == ()
    assert cabinet.drop.locked


async def test_time_that_runs_out_is_told_apart() -> None:
    clock = Clock()
    cabinet = VirtualCabinet(slots=1, sleep=clock.sleep, clock=lambda: clock.now)
    for hold, fault in ((False, "nothing"), (True, "jam")):
        await cabinet.open_drop()
        waited = asyncio.create_task(cabinet.wait_drop())
        if hold:
            cabinet.drop.hold_flap()
            cabinet.drop.drop_card("old")
        await clock.advance(DROP_LIMIT_S - 1)
        assert not waited.done()
        await clock.advance(1)
        assert await waited == NotDropped(fault)  # type: ignore[arg-type]


async def test_a_held_flap_that_is_let_go_lets_the_card_fall() -> None:
    cabinet = waiting()
    await cabinet.open_drop()
    cabinet.drop.hold_flap()
    cabinet.drop.drop_card("old")
    waited = asyncio.create_task(cabinet.wait_drop())
    await settle()
    assert not waited.done()

    cabinet.drop.hold_flap(False)

    assert await waited == Dropped(1)


async def test_a_cancelled_wait_locks_the_flap() -> None:
    cabinet = waiting()
    await cabinet.open_drop()
    waited = asyncio.create_task(cabinet.wait_drop())
    await settle()

    waited.cancel()
    await settle()

    assert waited.cancelled()
    assert cabinet.drop.locked


async def test_a_cabinet_that_falls_silent_ends_the_wait() -> None:
    cabinet = waiting()
    await cabinet.open_drop()
    waited = asyncio.create_task(cabinet.wait_drop())
    await settle()

    cabinet.set_mute()

    assert await waited == NotDropped("mute")


async def test_a_full_bin_keeps_the_flap_locked_until_it_is_emptied() -> None:
    cabinet = waiting(bin_holds=1)
    await cabinet.open_drop()
    cabinet.drop.drop_card("old")
    await cabinet.wait_drop()

    assert await cabinet.open_drop() == NotOpened(SlotFault.BIN_FULL)
    assert await cabinet.wait_drop() == NotDropped("full")
    assert cabinet.drop.empty_bin() == ("old",)
    assert await cabinet.open_drop() == Opened()


async def test_everything_stands_where_it_stood_after_a_restart() -> None:
    cabinet = ready()
    cabinet.set_jammed(2)
    await cabinet.open_slot(1)
    cabinet.take_card(1)
    saved = json.loads(json.dumps(cabinet.snapshot()))

    again = VirtualCabinet(slots=3, sleep=at_once)
    again.restore(saved)

    assert again.snapshot() == cabinet.snapshot()
    assert again.open_slot_number == 1


async def test_whoever_watches_is_told_of_each_change() -> None:
    changes: list[dict[int, str]] = []
    cabinet = VirtualCabinet(slots=1, cards={1: "asa"}, sleep=at_once, on_change=lambda: changes.append(cabinet.cards))
    await cabinet.open_slot(1)
    cabinet.take_card(1)

    assert changes == [{1: "asa"}, {}]
