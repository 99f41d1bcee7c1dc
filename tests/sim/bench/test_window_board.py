"""The bench window over the real firmware: the picture shows the slots move, and a board's troubles are pressed on and off."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.cabinet.port import Dropped, NotDropped, NotOpened, Opened, SlotFault
from tests.sim.bench.sitting import Station, lit, running, sitting_at, world_shows

pytestmark = pytest.mark.screen


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    async with running(tmp_path, firmware=True) as station:
        yield station


async def test_a_slot_that_the_firmware_opens_is_lit_and_a_card_goes_into_the_bin(
    station: Station, tmp_path: Path
) -> None:
    assert station.board is not None
    cabinet = station.board.driver
    async with sitting_at(station) as person:
        assert await cabinet.open_slot(1) == Opened()
        view = await person.sees(lambda view: "take" in view["targets"])
        await person.keep_picture(tmp_path / "open.png")
        assert lit(tmp_path / "open.png", view["targets"]["slot:1"])
        assert view["cut"] == []
        await person.press("take")
        await person.press("close")
        assert await cabinet.wait_slot(1, card="empty", door="closed")

        assert await cabinet.open_drop() == Opened()
        await person.press("card:6:old")
        await person.press("drop")
        assert await cabinet.wait_drop() == Dropped(1)
        await person.sees(lambda view: any("1 counted in the bin" in text for text in view["texts"]))


async def test_what_befalls_a_board_is_pressed_on_and_off(station: Station) -> None:
    assert station.board is not None
    cabinet = station.board.driver
    async with sitting_at(station) as person:
        await person.sees(lambda view: any("real firmware" in text for text in view["texts"]))
        await person.press("noise")
        await cabinet.open_drop()
        await person.press("reach-in")
        assert await cabinet.wait_drop() == NotDropped("fishing")
        await person.press("case")
        await world_shows(station, lambda picture: picture.board is not None and picture.board.case_open)
        await world_shows(station, lambda picture: not picture.drop.open)
        assert await cabinet.open_slot(1) == NotOpened(SlotFault.TAMPERED)
        await person.press("case")
        await person.press("cable")
        await world_shows(station, lambda picture: picture.board is not None and picture.board.cable_out)
        assert not (station.board.folder / "cabinet.tty").exists()
        await person.press("restart")
        await person.press("cable")
        await person.sees(lambda view: any("started anew 1 times" in text for text in view["texts"]))
