"""What the window is told of the bench, as typed values."""

from dataclasses import fields, replace
from pathlib import Path

from sim.bench.view_model import PRINTER_SWITCHES, BenchView, LetterView, in_fours
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.printer.machine import PrinterFaults
from tests.sim.bench.conftest import NOW, SMALL


def look(tmp_path: Path, scenario: Scenario = SMALL) -> BenchView:
    return BenchView.read(VirtualBench.open(tmp_path, scenario, NOW).picture())


def test_every_fault_of_the_printer_has_a_switch() -> None:
    """But for those that are found in the middle of a print alone."""
    assert {*PRINTER_SWITCHES, "silent", "hang_up", "after_rows"} == {field.name for field in fields(PrinterFaults)}


def test_each_card_says_where_it_is(tmp_path: Path) -> None:
    picture = look(tmp_path)
    assert {name: card.place for name, card in picture.cards.items()} == {
        "6:new": "slot 1",
        "6:old": "hand",
        "13:new": "hand",
    }


def test_a_person_has_a_letter_and_an_administrator_has_none(tmp_path: Path) -> None:
    folke, maj = look(tmp_path).people
    assert folke.called == "Folke Kurvholm"
    assert folke.letter == LetterView("9999000020260006", "13579206")
    assert (maj.letter, maj.old) == (None, None)


def test_a_protected_identity_is_its_hsa_id_everywhere(tmp_path: Path) -> None:
    ebba = look(tmp_path, replace(SMALL, hand=("5:old",), slots={}, letters=())).people[0]
    assert (ebba.called, ebba.short) == ("SE2321000999-1A05", "1A05")


def test_a_letter_whose_cards_are_away_still_lies_on_the_bench(tmp_path: Path) -> None:
    picture = look(tmp_path, replace(SMALL, hand=(), slots={}))
    assert [someone.called for someone in picture.people] == ["Folke Kurvholm"]


def test_the_open_slot_and_the_jammed_one_are_told(tmp_path: Path) -> None:
    world = VirtualBench.open(tmp_path, SMALL, NOW)
    world.open_door(1)
    world.jam(3, True)
    picture = BenchView.read(world.picture())
    assert picture.open_slot == 1
    assert [slot.number for slot in picture.slots if slot.jammed] == [3]


def test_numbers_are_read_in_fours() -> None:
    assert in_fours("9999000020260001") == "9999 0000 2026 0001"
    assert in_fours("135792") == "1357 92"
