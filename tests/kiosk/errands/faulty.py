"""Every story of every errand with trouble at each of its questions, as tables: journeys x points x faults.

    make faults                                     # all of them
    make faults ARGS="change_pin return_card" FAULTS="pull,disk full"

A cell says how the errand ended: its reason, or its outcome where it has none; BROKEN where a rule was broken, which is said
above the table. The rules: the end is told once and under a name, the last screen is true, nothing stays open, connected or busy,
no code is written, and what was left open by a full disk is closed when the station starts again.
"""

import asyncio
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from drivers.reader.port import Presence
from kiosk.ports import Ended
from kiosk.steps.pin.card_test_views import CannotTest
from sim.stories.aftermath import open_intents
from sim.stories.errand_stories import ErrandStory, assert_left_well, ends_told, errand_stories, play
from sim.stories.faults import FAULTS, ROGUES, at_question, believed_rogues
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Interruption, Person, Trouble
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, attended, own_card

TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
ALL = (*TROUBLES, *FAULTS)
PICKUPS = [
    ErrandStory("pickup: with the own card", "pickup", own_card, Setting(), troubled=True),
    ErrandStory("pickup: the server verifies", "pickup", own_card, Setting(server=True), troubled=True),
    ErrandStory("pickup: attended, in turn", "pickup", lambda: attended(reader="holder"), Setting(), troubled=True),
    ErrandStory("pickup: attended, two readers", "pickup", attended, Setting(second_reader=True), troubled=True),
]
WIDTH = 14
BROKEN = "BROKEN"
UNTESTED = (*get_args(CannotTest), "other_code")
"""Ends that say that nothing showed whose card it is."""


@dataclass(frozen=True)
class Row:
    """One question, and how the errand ended with each fault at it."""

    question: str
    cells: tuple[str, ...]


def every_story() -> list[ErrandStory]:
    """All of them, the pick-up's too."""
    return [*PICKUPS, *errand_stories()]


def stories(errands: Iterable[str] = ()) -> list[ErrandStory]:
    """The troubled stories, of those errands or of all."""
    wanted = set(errands)
    found = [tale for tale in every_story() if tale.troubled]
    return [tale for tale in found if not wanted or tale.errand in wanted]


async def questions(tale: ErrandStory) -> list[str]:
    """The questions of the story when nothing happens."""
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        room, someone, _ = await play(folder, tale)
        await room.close()
    assert someone.failure is None, f"{tale.title}: {someone.failure}"
    return someone.questions


async def ends(tale: ErrandStory, at: int, fault: str) -> str:
    """Play the story with that fault at that question. Raises AssertionError where a rule is broken."""
    trouble = next((one for one in TROUBLES if one == fault), None)
    interruption = Interruption(at, trouble) if trouble else None
    befall = None if trouble else at_question(FAULTS[fault], at)
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        where = f"{fault} at question {at} of {tale.title}"
        try:
            room, someone, ended = await play(folder, tale, interruption, befall)
        except TimeoutError as hang:
            raise AssertionError(f"{where}: the errand hangs: {hang}") from None
        try:
            await assert_sound(room, someone, ended, fault, f"{where}: {someone.names}")
        finally:
            await room.close()
    return ended.reason or ended.outcome


async def soundly(tale: ErrandStory, at: int, fault: str) -> str:
    """As `ends`; a broken rule is printed and becomes the cell."""
    try:
        return await ends(tale, at, fault)
    except AssertionError as rule:
        print(f"{BROKEN}: {rule}\n  {traceback.extract_tb(rule.__traceback__)[-1].line}", flush=True)
        return BROKEN


async def assert_sound(room: Room, someone: Person, ended: Ended, fault: str, where: str) -> None:
    """What must hold whatever befell the station."""
    assert ended.reason != "crash", where
    if fault.startswith("disk"):
        FAULTS[fault].heal(room)
        lost = await ends_told(room) == []
        await room.journal.boot("the next start")
        assert await ends_told(room) == [("interrupted", "") if lost else (ended.outcome, ended.reason)], where
    else:
        assert await ends_told(room) == [(ended.outcome, ended.reason)], where
    assert await open_intents(room) == 0, where
    if fault in ROGUES and believed_rogues(room):
        untested = ended.reason in UNTESTED and ended.receipt is None
        issuer = room.caps.blocking
        blocked = isinstance(issuer, SimulatedIssuer) and any(what == "blocked in portal" for what, *_ in issuer.told)
        marked = ended.reason == "marked" and not blocked  # a mark is in nobody's name
        assert ended.outcome != "done" or untested or marked, f"a rogue card was taken for its holder: {where}"
    await assert_left_well(room, someone, ended, where, full=fault.startswith("disk"))
    there = room.world.backend.look(room.world.slots["holder"].name).presence is not Presence.NO_READER
    if someone.card_in("holder") and there:
        assert "closing.take_card" in someone.names, where


async def table(tale: ErrandStory, faults: Sequence[str] = ALL, *, each: int = 1) -> list[Row]:
    """One row for each question, or for every second and so on."""
    rows = []
    for at, name in enumerate(await questions(tale), start=1):
        if (at - 1) % each == 0:
            rows.append(Row(name, tuple([await soundly(tale, at, fault) for fault in faults])))
    return rows


def printed(tale: ErrandStory, faults: Sequence[str], rows: Sequence[Row]) -> str:
    """The table as text."""
    lines = [tale.title, "  ".join([f"{'at':28}", *(f"{fault:{WIDTH}}" for fault in faults)])]
    for row in rows:
        lines.append("  ".join([f"{row.question[:28]:28}", *(f"{cell[:WIDTH]:{WIDTH}}" for cell in row.cells)]))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main(errands: Sequence[str]) -> int:
    """Print the tables and how much there was; 1 where a rule was broken, which is said above each table."""
    faults = (
        [one for one in ALL if one in chosen] if (chosen := os.environ.get("FAULTS", "").split(",")) != [""] else ALL
    )
    told, cells = stories(errands), list[str]()
    for tale in told:
        rows = asyncio.run(table(tale, faults))
        print(printed(tale, faults, rows), flush=True)
        cells += [cell for row in rows for cell in row.cells]
    broken = cells.count(BROKEN)
    print(f"{len(told)} stories, {len(cells) // len(faults)} questions, {len(cells)} faults.")
    print(f"{broken} broken rules" if broken else "Every errand ended under a name, with a true screen.")
    return 1 if broken else 0


if __name__ == "__main__":
    logging.disable()  # of this process alone
    sys.exit(main(sys.argv[1:]))
