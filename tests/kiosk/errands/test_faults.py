"""A slice of `make faults`: each fault of a device strikes each errand once, at a question that differs from fault to fault."""

from itertools import cycle
from pathlib import Path

import pytest

from sim.stories import room
from sim.stories.errand_stories import play
from sim.stories.faults import FAULTS, ROGUES, Fault, at_question
from sim.stories.person import Person
from sim.stories.room import quick_folder
from tests.kiosk.errands.faulty import TROUBLES, assert_sound, ends, main, printed, questions, stories, table

FIRST = {tale.errand: tale for tale in reversed(stories())}
"""The first troubled story of each errand."""


@pytest.mark.parametrize("errand", FIRST)
async def test_each_fault_at_some_question_of_each_errand(errand: str) -> None:
    tale = FIRST[errand]
    points = cycle(range(1, len(await questions(tale)) + 1))
    for fault in FAULTS:
        assert await ends(tale, next(points), fault)


async def test_an_unplugged_reader_is_no_card_that_was_pulled() -> None:
    tale = FIRST["change_pin"]
    at = (await questions(tale)).index("change_pin.new_pin") + 1
    assert await ends(tale, at, "reader gone") == "reader_gone"
    assert await ends(tale, at, "pull") == "card_pulled"


async def test_a_table_has_a_row_for_each_question_and_a_cell_for_each_fault() -> None:
    tale = FIRST["change_pin"]
    rows = await table(tale, ("cancel", "disk full"))
    assert [row.question for row in rows] == await questions(tale)
    assert rows[1].cells == ("cancelled", "store")
    text = printed(tale, ("cancel", "disk full"), rows)
    assert text.splitlines()[3].split() == ["change_pin.pin", "cancelled", "store"]


def test_some_errands_and_some_faults_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAULTS", "cancel,no paper")
    assert main(["change_pin"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = lines[1]
    assert head.split("  ")[0] == "at"
    assert "no paper" in head
    stories = sum(line.startswith("at  ") for line in lines)
    questions = sum(line.startswith(("change_pin.", "closing.")) for line in lines)
    assert lines[-2] == f"{stories} stories, {questions} questions, {2 * questions} faults."
    assert not [fault for fault in (*TROUBLES[1:], "disk full") if fault in head]


async def test_a_hang_says_where_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LIMIT_S", 1.0)
    monkeypatch.setitem(FAULTS, "nobody there", Fault(lambda room: None, lambda room: None))
    monkeypatch.setattr(Person, "_answer", lambda self, view: None)
    with pytest.raises(AssertionError, match=r"the errand hangs: .*_for_ever at screen\.py"):
        await ends(FIRST["information"], 1, "nobody there")


OF_A_PERSON = {"slot.open", "card.block", "card.lift", "certificate.request", "card.write_certificate", "puk.release"}
"""Effects that somebody must have proved who they are for."""


@pytest.mark.parametrize("rogue", ROGUES)
@pytest.mark.parametrize("errand", FIRST)
async def test_where_all_cards_are_rogue_nothing_is_done_in_anybodys_name(
    errand: str, rogue: str, tmp_path: Path
) -> None:
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, FIRST[errand], befall=at_question(ROGUES[rogue], 1))
        try:
            await assert_sound(room, someone, ended, rogue, f"{rogue} in {errand}")
            done = {one.partition(" ")[0] for one in await room.told()}
        finally:
            await room.close()
    assert not done & OF_A_PERSON, f"{errand}: {done}"
