"""The bench window with real touches: a person moves cards, breaks things and cuts the power, and the world says so."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from sim.bench import window
from sim.bench.virtual_bench import BenchLetter, Scenario, VirtualBench
from sim.reader.personas import administrators, people
from tests.fakes.machine.display import virtual_display
from tests.sim.bench.sitting import Person, Station, lit, pixel, running, sitting_at, start, world_shows

pytestmark = pytest.mark.screen

RIGHT_TOP = (920, 23)
"""In a window of 1000x800 that cannot switch the power the network's button is the last of the head."""


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    async with running(tmp_path) as station:
        yield station


async def test_a_person_inserts_a_card_upside_down_and_pulls_it(station: Station) -> None:
    async with sitting_at(station) as person:
        await person.press("card:6:old")
        await person.press("upside-down")
        await person.press("insert:holder")
        await world_shows(station, lambda picture: picture.cards["6:old"].place == "holder's reader")
        assert station.world.slots["holder"].upside_down
        await person.press("pull:holder")
        await world_shows(station, lambda picture: picture.cards["6:old"].in_hand)


async def test_the_slot_that_the_station_opens_is_lit_and_its_card_is_taken(station: Station, tmp_path: Path) -> None:
    async with sitting_at(station) as person:
        await person.sees(lambda view: "slot:1" in view["targets"])
        await station.world.cabinet.open_slot(1)
        view = await person.sees(lambda view: "take" in view["targets"])
        await person.keep_picture(tmp_path / "open.png")
        assert lit(tmp_path / "open.png", view["targets"]["slot:1"])
        assert not lit(tmp_path / "open.png", view["targets"]["slot:2"])
        await person.press("take")
        await world_shows(station, lambda picture: picture.cards["6:new"].in_hand)
        await person.press("close")
        await world_shows(station, lambda picture: picture.open_slot is None)


async def test_things_are_broken_and_mended(station: Station) -> None:
    async with sitting_at(station) as person:
        await person.press("printer:out_of_paper")
        await world_shows(station, lambda picture: picture.printer.faults["out_of_paper"])
        await person.press("printer:out_of_paper")
        await world_shows(station, lambda picture: not picture.printer.faults["out_of_paper"])
        await person.press("printer:cutter")
        await world_shows(station, lambda picture: picture.printer.faults["cutter"])
        await person.press("network")
        await world_shows(station, lambda picture: not picture.network)
        await person.press("hold")
        await world_shows(station, lambda picture: picture.drop.held)
        await person.press("slot:3")
        await person.press("jam")
        await world_shows(station, lambda picture: picture.slots[2].jammed)


async def test_a_move_that_hands_cannot_make_is_told_in_the_status_line(station: Station) -> None:
    async with sitting_at(station) as person:
        await person.press("card:6:old")
        await person.press("drop")
        await person.sees(lambda view: "the flap is locked" in view["said"])
        await person.press("scan")
        await person.sees(lambda view: "there is no move 'scan'" in view["said"])
        await person.press("insert:holder")
        await person.sees(lambda view: view["said"] == "")


async def test_the_power_is_cut_and_the_cards_lie_where_they_lay(station: Station) -> None:
    async with sitting_at(station) as person:
        await person.press("card:6:old")
        await person.press("insert:administrator")
        await world_shows(station, lambda picture: picture.cards["6:old"].place == "administrator's reader")
        await person.press("power")
        view = await person.sees(lambda view: "no power" in view["said"])
        assert set(view["targets"]) == {"power"}, "without power there is nothing to press but the power"
        before: VirtualBench = station.world
        await person.press("power")
        await person.sees(lambda view: "pull:administrator" in view["targets"])
        assert station.world is not before
        assert station.world.picture()["readers"]["administrator"] == "6:old"


async def test_a_card_is_put_into_a_slot_and_another_falls_into_the_bin(station: Station) -> None:
    async with sitting_at(station) as person:
        await person.press("slot:2")
        await person.press("open")
        await person.press("card:6:old")
        await person.press("put")
        await world_shows(station, lambda picture: picture.cards["6:old"].place == "slot 2")
        await station.world.cabinet.open_drop()
        await person.press("hold")
        await person.press("card:13:new")
        await person.press("drop")
        await world_shows(station, lambda picture: picture.drop.at_flap == "13:new")
        await person.press("hold")
        await world_shows(station, lambda picture: (picture.drop.at_flap, picture.drop.counted) == (None, 1))
        await person.press("empty-bin")
        await world_shows(station, lambda picture: picture.cards["13:new"].in_hand)


async def test_a_letter_is_opened_and_says_that_it_is_made_up(station: Station) -> None:
    async with sitting_at(station) as person:
        view = await person.sees(lambda view: "person:6" in view["targets"])
        assert "1357 9206" not in view["texts"]
        await person.press("person:6")
        await person.sees(lambda view: {"Made-up code letter to Folke Kurvholm", "1357 9206"} <= set(view["texts"]))
        await person.press("person:13")
        view = await person.sees(lambda view: "1357 9206" not in view["texts"])
        assert "No code letter for Maj Utlämningsdotter" in view["texts"]


def everybody() -> Scenario:
    """All invented people with all their cards."""
    letters = tuple(BenchLetter(one.order, one.name, one.new.card_number, one.new.puk) for one in people())
    hand = [f"{one.order}:{which}" for one in (*people(), *administrators()) for which in ("old", "new")]
    return Scenario(slots={24: "11:new"}, hand=tuple(card for card in hand if card != "11:new"), letters=letters)


async def test_no_text_is_cut_with_a_dozen_people_on_the_bench(tmp_path: Path) -> None:
    async with running(tmp_path, everybody()) as station:
        station.world.insert("5:old", "holder", upside_down=True)
        station.world.insert("13:new", "administrator", upside_down=True)
        station.world.jam(24, True)
        async with sitting_at(station) as person:
            await person.press("slot:24")
            await person.press("card:5:new")
            view = await person.sees(lambda view: "SE2321000999-1A05, new card" in view["texts"])
            assert "Slot 24, closed: Kerstin Attrappqvist, new card" in view["texts"]
            await person.keep_picture(tmp_path / "everybody.png")
            assert view["cut"] == []


async def test_a_receipt_is_shown_as_it_came_out(station: Station, tmp_path: Path) -> None:
    async with sitting_at(station) as person:
        await person.sees(lambda view: "slot:1" in view["targets"] and "receipt" not in view["targets"])
        paper = tmp_path / "receipt-0001.png"
        Image.new("1", (576, 900), 0).save(paper)
        station.world.printer.receipts.append(paper)
        station.world.moved()
        view = await person.sees(lambda view: "receipt" in view["targets"])
        await person.keep_picture(tmp_path / "window.png")
        assert pixel(tmp_path / "window.png", view["targets"]["receipt"]) == (0, 0, 0)


async def test_the_program_stands_where_it_is_told_to_and_ends_when_it_is_told_to(station: Station) -> None:
    with virtual_display(1200, 900) as display:
        program = await start(display, "sim.bench.window", "--socket", station.socket, "--position", "150,60")
        pulled = asyncio.ensure_future(world_shows(station, lambda picture: not picture.network))
        while not pulled.done():
            await Person(display, program).click(150 + RIGHT_TOP[0], 60 + RIGHT_TOP[1])
            await asyncio.wait([pulled], timeout=1)
        await pulled
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0


@pytest.mark.parametrize("arguments", [[], ["--socket", "x", "--size", "wide"], ["--socket", "x", "--position", "1"]])
def test_a_wrong_argument_is_refused_with_exit_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        window.main(arguments)
    assert ended.value.code == 2


def test_without_a_desktop_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert window.main(["--socket", "bench.sock"]) == 2
    assert "neither DISPLAY nor WAYLAND_DISPLAY is set" in capsys.readouterr().err
