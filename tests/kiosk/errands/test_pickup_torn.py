"""The card is pulled while its code is written: the holder's own typing tells which code applies, and nothing else does."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.views import Busy
from sim.reader.cards import TearPoint
from sim.stories.aftermath import ANYTHING, LOOPS, assert_ended_well, loosen
from sim.stories.person import STRANGER, Interruption, Person, Trouble, puts
from sim.stories.room import Room, quick_folder
from sim.stories.setting import NEW_PIN, Setting, own_card, room_for

MISTYPED = "83920147"
FIRST_TORN_QUESTION = 12
"""`pickup.pulled` is the question number 14 of the story."""


async def write_exchange(folder: Path) -> int:
    """Which exchange of the new card writes the code."""
    with quick_folder(folder) as quick:
        room = room_for(quick, Setting())
        await room.errand(Person(room.world, room.clock, own_card()))
        await room.close()
    return [entry.ins for entry in room.world.card("1:new").log].index("RESET RETRY COUNTER")


@pytest.fixture
async def exchange(tmp_path: Path) -> int:
    LOOPS.append(asyncio.get_running_loop())
    return await write_exchange(tmp_path)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    with quick_folder(tmp_path) as folder:
        yield folder


async def torn(
    folder: Path, exchange: int, when: TearPoint, interruption: Interruption | None = None, **changed: Any
) -> tuple[Room, Person, Any]:
    """A pick-up whose write breaks off."""
    room = room_for(folder, Setting())
    someone = Person(room.world, room.clock, own_card(**ANYTHING | changed), interruption)
    loosen(room, someone, exchange, when)
    ended = await room.errand(someone)
    return room, someone, ended


async def test_written_before_it_broke_off_goes_on_with_that_code(exchange: int, quick: Path) -> None:
    room, someone, ended = await torn(quick, exchange, "after")
    assert (ended.outcome, someone.failure) == ("done", None)
    assert someone.names.count("pickup.puk") == 1
    told = await room.told()
    assert told[3:5] == ["card.unblock unknown", "card.unblock written"]
    await room.close()


@pytest.mark.parametrize("when", ["before", "during"])
async def test_not_written_is_done_again_with_a_puk_that_is_typed_again(
    when: TearPoint, exchange: int, quick: Path
) -> None:
    room, someone, ended = await torn(quick, exchange, when)
    assert (ended.outcome, someone.failure) == ("done", None)
    assert someone.names.count("pickup.puk") == 2
    told = await room.told()
    assert told[3:6] == ["card.unblock unknown", "card.unblock not_written", "card.unblock accepted"]
    await room.close()


async def test_a_mistyped_code_proves_nothing(exchange: int, quick: Path) -> None:
    """It was written; the holder mistypes once. The station must not claim that it was not."""
    changed = {"check_code": [MISTYPED, NEW_PIN], "check_code_wrong": "again"}
    room, someone, ended = await torn(quick, exchange, "after", **changed)
    assert (ended.outcome, someone.failure) == ("done", None)
    assert "card.unblock not_written" not in await room.told()
    assert "pickup.not_written" not in someone.names
    await room.close()


async def test_mistyped_down_to_the_last_try_the_puk_sets_the_code_again(exchange: int, quick: Path) -> None:
    """The last try is not used without consent: the envelope is at hand."""
    changed = {
        "check_code": [MISTYPED, MISTYPED, "60606061", "60606062"], "check_code_wrong": "again", "check_code_same": "again",
    }  # fmt: skip
    room, someone, ended = await torn(quick, exchange, "before", **changed)
    assert (ended.outcome, someone.failure) == ("done", None)
    assert someone.names.count("pickup.check_code") == 4
    assert room.log is not None
    assert room.log.unknown == set(), "what was accepted in the end settles it"
    await room.close()


async def test_another_card_instead_of_the_torn_one_is_not_asked_for_its_code(exchange: int, quick: Path) -> None:
    changed = {"pulled": [puts(STRANGER), puts("1:new")]}
    room, someone, ended = await torn(quick, exchange, "after", **changed)
    assert (ended.outcome, someone.failure) == ("done", None)
    assert room.world.card(STRANGER).tries_left == (3, 10)
    await room.close()


async def test_the_holder_who_no_longer_has_the_card_is_told_that_nobody_knows_its_code(
    exchange: int, quick: Path
) -> None:
    room, someone, ended = await torn(quick, exchange, "after", pulled="gone", **{"stop.card_gone": "end"})
    assert (ended.outcome, ended.reason, someone.failure) == ("unknown", "card_gone", None)
    await room.close()


@pytest.mark.parametrize("trouble", ["cancel", "leave", "pull", "swap"])
@pytest.mark.parametrize("when", ["during", "after"])
async def test_trouble_at_every_question_after_the_tear(
    when: TearPoint, trouble: Trouble, exchange: int, tmp_path: Path
) -> None:
    for at in range(FIRST_TORN_QUESTION, FIRST_TORN_QUESTION + 8):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        with quick_folder(folder) as quick:
            room, someone, ended = await torn(quick, exchange, when, Interruption(at, trouble))
            where = f"torn {when}, {trouble} at question {at}: {someone.names}"
            await assert_ended_well(room, someone, ended, where)
            await room.close()


async def test_the_questions_after_a_tear_are_where_the_matrix_looks_for_them(exchange: int, quick: Path) -> None:
    room, someone, _ = await torn(quick, exchange, "during")
    questions = [view.name for view in someone.shown if not isinstance(view, Busy)]
    assert questions[FIRST_TORN_QUESTION:][:3] == ["pickup.pulled", "pickup.check_code", "pickup.not_written"]
    await room.close()
