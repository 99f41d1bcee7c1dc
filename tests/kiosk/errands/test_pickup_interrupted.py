"""Whatever happens at whatever question: the errand ends by a name, once, and nothing is left open, doubled or untold.

Five main stories are rerun with a cancel, a walk-away, a pulled card and a swapped card at every question; and the new card
is torn, or swapped for another, before, during and after each of its commands.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.reader.cards import TearPoint
from sim.reader.in_process import InProcessConnection
from sim.stories.aftermath import ANYTHING, LOOPS, assert_ended_well, loosen, resets
from sim.stories.person import STRANGER, Interruption, Person, Story, Trouble
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, attended, come_back, own_card, room_for


@dataclass(frozen=True)
class Main:
    """One of the main stories."""

    story: Callable[[], Story]
    setting: Setting
    questions: int
    """How many it asks when nothing happens."""
    back: bool = False
    """The holder has been here before, and left before signing."""


MAIN = {
    "own card": Main(own_card, Setting(), 18),
    "server": Main(own_card, Setting(server=True), 18),
    "attended in turn": Main(lambda: attended(reader="holder"), Setting(), 20),
    "second reader": Main(attended, Setting(second_reader=True), 20),
    "come back": Main(come_back, Setting(), 15, back=True),
}
TROUBLES: tuple[Trouble, ...] = ("cancel", "leave", "pull", "swap")
EACH = "KORTKIOSK_EVERY_TROUBLE" in os.environ
"""All of them in `make faults`; else two of the four for each story, by turns."""
PLAYED = [
    (name, trouble)
    for at, name in enumerate(MAIN)
    for turn, trouble in enumerate(TROUBLES)
    if EACH or (at + turn) % 2 == 0
]


async def begun(folder: Path, main: Main) -> Room:
    """The room of a story, with what went before it."""
    room = room_for(folder, main.setting)
    if main.back:
        someone = Person(room.world, room.clock, own_card(receipt="later", **{"stop.unsigned": "end"}))
        await room.errand(someone)
        assert someone.failure is None
    return room


@pytest.mark.parametrize("name", MAIN)
async def test_questions_of_the_story_when_nothing_happens(name: str, tmp_path: Path) -> None:
    """The matrix below must reach every question."""
    main = MAIN[name]
    with quick_folder(tmp_path) as folder:
        room = await begun(folder, main)
        someone = Person(room.world, room.clock, main.story())
        assert (await room.errand(someone)).outcome == "done"
        await room.close()
    assert someone.failure is None
    assert someone.asked <= main.questions, "raise `questions`"


@pytest.mark.parametrize(("name", "trouble"), PLAYED)
async def test_trouble_at_every_question(name: str, trouble: Trouble, tmp_path: Path) -> None:
    main = MAIN[name]
    for at in range(1, main.questions + 1):
        with quick_folder(tmp_path / f"{at}") as folder:
            folder.mkdir(exist_ok=True, parents=True)
            room = await begun(folder, main)
            someone = Person(room.world, room.clock, main.story(), Interruption(at, trouble))
            before = resets(room.world.card("1:new"))
            ended = await room.errand(someone)
            where = f"{trouble} at question {at} ({[v.name for v in someone.shown]})"
            await assert_ended_well(room, someone, ended, where, before)
            await room.close()


@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_tear_at_every_command_of_the_new_card(when: TearPoint, tmp_path: Path) -> None:
    LOOPS.append(asyncio.get_running_loop())
    exchange, torn, ends = 0, True, set[str]()
    while torn:
        folder = tmp_path / f"{exchange}"
        folder.mkdir()
        with quick_folder(folder) as quick:
            room = room_for(quick, Setting())
            someone = Person(room.world, room.clock, own_card(**ANYTHING))
            card = loosen(room, someone, exchange, when)
            ended = await room.errand(someone)
            where = f"torn {when} exchange {exchange}: {card.log[exchange : exchange + 1]} {someone.names}"
            assert someone.failure is None, where
            await assert_ended_well(room, someone, ended, where)
            torn = any(entry.sw is None for entry in card.log)
            await room.close()
        ends.add(f"{ended.outcome} {ended.reason}")
        exchange += 1
    assert exchange > 20, "the visit has more commands than that"
    assert {"done ", "cancelled card_pulled", "unknown torn_in_test"} <= ends


IRREVERSIBLE = {"CHANGE REFERENCE DATA", "RESET RETRY COUNTER", "PERFORM SECURITY OPERATION", "INTERNAL AUTHENTICATE"}


async def test_swap_in_every_gap_between_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reliability I2: nothing that cannot be undone, and no code, reaches the second card."""
    original = InProcessConnection.transmit
    swap: Callable[[], None]
    gap, count, swapped = 0, 0, True

    def transmit(connection: InProcessConnection, apdu: bytes) -> bytes:
        nonlocal count, swapped
        if connection.card is card:
            if count == gap:
                swapped = True
                swap()
            count += 1
        return original(connection, apdu)

    monkeypatch.setattr(InProcessConnection, "transmit", transmit)
    while swapped:
        swapped, count = False, 0
        folder = tmp_path / f"{gap}"
        folder.mkdir()
        with quick_folder(folder) as quick:
            room = room_for(quick, Setting())
            card, second = room.world.card("1:new"), room.world.card(STRANGER)

            def swap(room: Room = room) -> None:
                room.world.remove("holder")
                room.world.insert(STRANGER, "holder")

            someone = Person(room.world, room.clock, own_card(**ANYTHING))
            someone.awkward = True
            ended = await room.errand(someone)
            where = f"swapped in gap {gap}: {someone.names}"
            await assert_ended_well(room, someone, ended, where)
            assert not {entry.ins for entry in second.log} & IRREVERSIBLE, where
            assert second.tries_left == (3, 10), where
            await room.close()
        gap += 1
    assert gap > 20, "the visit has more commands than that"
