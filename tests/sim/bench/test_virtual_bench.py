"""The bench's world: every card in exactly one place, whatever hands do, and nothing forgotten when the power is cut."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.cabinet.port import Dropped, NotDropped, NotOpened, Opened, SlotFault
from sim.bench.virtual_bench import BenchLetter, BenchMoveError, Scenario, VirtualBench

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SCENARIO = Scenario(
    slots={1: "6:new", 2: "1:new"},
    hand=("6:old", "1:old", "13:new"),
    letters=(BenchLetter(6, "Folke Kurvholm", "9999000020260006", "13579206"),),
    slot_count=4,
)
CARDS = ["13:new", "1:new", "1:old", "6:new", "6:old"]
READABLE = ["6:new", "6:old"]
"""The cards that are put into readers: with elliptic curves, so that their files open at once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One bench for all tests, so that its cards are made once."""
    return tmp_path_factory.mktemp("bench")


@pytest.fixture
def world(folder: Path) -> VirtualBench:
    return fresh(folder)


def fresh(folder: Path) -> VirtualBench:
    """The world as at the start."""
    (folder / "world.json").unlink(missing_ok=True)
    return VirtualBench.open(folder, SCENARIO, NOW)


def lying(picture: Mapping[str, Any]) -> list[str]:
    """All cards that are to be seen, once for each place where they are."""
    places = [*picture["hand"], *picture["readers"].values(), *picture["slots"].values(), *picture["in_bin"]]
    return sorted(card for card in (*places, picture["at_flap"]) if card is not None)


def written(folder: Path) -> list[str]:
    """The same, of the state on disk: what a station would find whose power is cut now."""
    state = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    drop = state["cabinet"]["drop"]
    places = [*state["hand"], *state["in_reader"].values(), *state["cabinet"]["cards"].values(), *drop["bin"]]
    return sorted(card for card in (*places, drop["in_drop"]) if card is not None)


slots = st.integers(0, SCENARIO.slot_count + 1)
cards = st.sampled_from(CARDS)
readers = st.sampled_from(["holder", "administrator"])
moves = st.one_of(
    st.tuples(st.just("insert"), st.sampled_from(READABLE), readers),
    st.tuples(st.just("remove"), readers),
    st.tuples(st.just("open_door"), slots),
    st.tuples(st.just("take"), slots),
    st.tuples(st.just("put"), slots, cards),
    st.tuples(st.just("close_door"), slots),
    st.tuples(st.just("jam"), slots, st.booleans()),
    st.tuples(st.just("unlock_flap")),
    st.tuples(st.just("drop"), cards),
    st.tuples(st.just("hold_flap"), st.booleans()),
    st.tuples(st.just("fish")),
    st.tuples(st.just("empty_bin")),
    st.tuples(st.just("power_cut")),
)


def apply(world: VirtualBench, move: tuple[Any, ...]) -> VirtualBench:
    """Make a move, if hands can. A power cut gives the world that is found after it."""
    match move:
        case ("power_cut",):
            return VirtualBench.open(world.folder, SCENARIO, NOW)
        case ("unlock_flap",):
            world.cabinet.drop.unlock()
        case (name, *arguments):
            try:
                getattr(world, name)(*arguments)
            except BenchMoveError:
                assert lying(world.picture()) == CARDS, "a move that cannot be made moves nothing"
    return world


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(todo=st.lists(moves, max_size=25))
def test_every_card_is_in_exactly_one_place_and_a_power_cut_changes_nothing(
    folder: Path, todo: list[tuple[Any, ...]]
) -> None:
    world = fresh(folder)
    for move in todo:
        before = world.picture()
        world.on_move = lambda: check_written(folder)
        world = apply(world, move)
        assert lying(world.picture()) == CARDS
        if move == ("power_cut",):
            assert {**world.picture(), "flap_open": None} == {**before, "flap_open": None}


def check_written(folder: Path) -> None:
    assert written(folder) == CARDS, "each state on disk is whole, also in the middle of a move"


def test_a_card_goes_from_the_hand_into_the_reader_and_back(world: VirtualBench) -> None:
    world.insert("6:old", "holder", upside_down=True)
    assert world.picture()["readers"]["holder"] == "6:old"
    assert world.slots["holder"].upside_down
    assert world.remove("holder") == "6:old"
    assert "6:old" in world.picture()["hand"]


def test_a_card_that_lay_upside_down_in_the_reader_lies_so_after_a_power_cut(world: VirtualBench, folder: Path) -> None:
    world.insert("6:old", "administrator", upside_down=True)
    again = VirtualBench.open(folder, SCENARIO, NOW)
    assert again.picture()["upside_down"] == ["administrator"]
    assert again.slots["administrator"].card is not None


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (("insert", "1:new", "holder"), "1:new is not in the hand"),
        (("insert", "6:old", "kitchen"), "there is no reader 'kitchen'"),
        (("remove", "holder"), "the holder's reader is empty"),
        (("take", 1), "the door of slot 1 is closed"),
        (("put", 3, "6:old"), "the door of slot 3 is closed"),
        (("open_door", 9), "there is no slot 9"),
        (("jam", 9, True), "there is no slot 9"),
        (("drop", "6:old"), "the flap is locked"),
        (("fish",), "no card lies in the drop slot"),
    ],
)
def test_a_move_that_hands_cannot_make_says_why(world: VirtualBench, move: tuple[Any, ...], why: str) -> None:
    name, *arguments = move
    with pytest.raises(BenchMoveError, match=why):
        getattr(world, name)(*arguments)
    assert lying(world.picture()) == CARDS


def test_a_full_reader_takes_no_second_card(world: VirtualBench) -> None:
    world.insert("6:old", "holder")
    with pytest.raises(BenchMoveError, match="the holder's reader holds a card"):
        world.insert("1:old", "holder")


def test_a_printer_knows_its_faults_and_no_other(world: VirtualBench) -> None:
    world.break_printer(out_of_paper=True)
    assert world.picture()["printer"]["faults"]["out_of_paper"]
    with pytest.raises(BenchMoveError, match="no fault among on_fire"):
        world.break_printer(on_fire=True)


async def test_a_jammed_slot_does_not_open_until_it_is_freed(world: VirtualBench) -> None:
    world.jam(1, True)
    assert world.picture()["jammed"] == [1]
    assert await world.cabinet.open_slot(1) == NotOpened(SlotFault.JAMMED)
    with pytest.raises(BenchMoveError, match="jammed"):
        world.open_door(1)
    world.jam(1, False)
    assert await world.cabinet.open_slot(1) == Opened()


async def test_a_card_at_a_held_flap_can_be_fished_and_does_not_count(world: VirtualBench) -> None:
    await world.cabinet.open_drop()
    world.hold_flap()
    world.drop("6:old")
    assert world.picture()["at_flap"] == "6:old"
    assert world.fish() == "6:old"
    assert await world.cabinet.wait_drop() == NotDropped("fishing")
    assert world.picture()["bin"] == 0


async def test_a_card_at_the_flap_falls_and_counts_when_the_flap_is_let_go(world: VirtualBench) -> None:
    await world.cabinet.open_drop()
    world.hold_flap()
    world.drop("6:old")
    world.hold_flap(False)
    assert await world.cabinet.wait_drop() == Dropped(1)
    assert world.picture()["in_bin"] == ["6:old"]
    assert world.empty_bin() == ("6:old",)
    assert world.picture()["bin"] == 0


def test_the_cable_is_pulled_once_and_stays_out(world: VirtualBench, folder: Path) -> None:
    told: list[bool] = []
    world.on_network = told.append
    world.cut_network(True)
    assert told == [False]
    assert not VirtualBench.open(folder, SCENARIO, NOW).network


@pytest.fixture(autouse=True)
def no_left_overs(folder: Path) -> Iterator[None]:
    """Each state replaces the one before: no half written file stays."""
    yield
    assert {path.name for path in folder.iterdir()} <= {"authority", "cards", "world.json", ".hypothesis"}
