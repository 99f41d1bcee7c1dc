"""Whoever is sent away hears who helps, where and when."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.printer.document import ParagraphBlock
from drivers.printer.port import NotPrinted, OutOfPaper
from drivers.reader.errors import NoReaderError
from kiosk.ports import Ended
from kiosk.region import BothLanguages, RegionSettings
from kiosk.steps.context import ErrandContext
from kiosk.views import Tell, View, local, say
from sim.stories.devices import PaperTray
from sim.stories.errand_stories import errand_stories, play
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, room_for

HOURS = BothLanguages(sv="Måndag till fredag 8–16.", en="Monday to Friday 8 to 4.")


@pytest.mark.parametrize(
    ("office", "hours"), [("Kortkontoret, plan 2", HOURS), ("Kortkontoret, plan 2", None), ("", HOURS)]
)
async def test_who_is_sent_away_hears_who_helps_where_and_when(
    tmp_path: Path, office: str, hours: BothLanguages | None
) -> None:
    title = "return_card: three numbers that nobody knows"
    tale = next(one for one in errand_stories() if one.title == title)

    def prepare(room: Room) -> None:
        tale.prepare(room)
        room.equip(region=room.caps.region.model_copy(update={"office": office, "office_hours": hours}))

    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, replace(tale, prepare=prepare))
        await room.close()
    assert (someone.failure, ended.outcome) == (None, "refused")
    last = next(view for view in reversed(someone.shown) if view.name == "return_card.stop.no_such_card")
    assert isinstance(last, Tell)
    assert last.who_helps is not None
    said = [point.text for point in last.who_helps.rows]
    if not office:
        assert said == [say("who_helps.ask_manager")]
        return
    assert said == [
        local(hours.model_dump()) if hours else say("stop.office.ask"),
        say("who_helps.where", where=office),
    ]


async def test_who_waits_for_an_administrator_hears_it_too(tmp_path: Path) -> None:
    region = RegionSettings(office="Kortkontoret, plan 2", office_hours=HOURS)
    tale = next(one for one in errand_stories() if one.title == "reserve_certificate: an administrator attends")

    def prepare(room: Room) -> None:
        tale.prepare(room)
        room.equip(region=region)

    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, replace(tale, prepare=prepare))
        await room.close()
    assert (someone.failure, ended.outcome) == (None, "done")
    (waiting,) = [view for view in someone.shown if view.name == "reserve_certificate.insert_administrator"]
    assert waiting.note is not None
    assert waiting.note.title == say("stop.office", office=region.office)


async def broken_reader(tmp_path: Path, printer: PaperTray | None = None) -> list[View[Any]]:
    """The views of an errand whose reader is gone: whoever can print does so."""

    async def breaks(context: ErrandContext) -> Ended:
        raise NoReaderError("gone")

    with quick_folder(tmp_path) as folder:
        room = room_for(folder, Setting())
        region = RegionSettings(office="Kortkontoret, plan 2", office_hours=HOURS, block_line="020-00 00 00")
        room.equip(region=region, printer=printer)
        answers = ["end"] if printer is None else ["print", "end"]
        someone = Person(room.world, room.clock, {"closing.reader": answers})
        await room.errand(someone, breaks)
        await room.close()
    assert someone.failure is None
    return someone.shown


async def test_a_fault_that_no_errand_knows_is_a_dead_end_like_any_other(tmp_path: Path) -> None:
    (last,) = await broken_reader(tmp_path)
    assert isinstance(last, Tell)
    assert last.side is None
    assert last.who_helps is not None
    assert last.who_helps.rows[-1].text == say("who_helps.where", where="Kortkontoret, plan 2")


async def test_who_helps_can_be_had_on_paper(tmp_path: Path) -> None:
    printer = PaperTray()
    shown = await broken_reader(tmp_path, printer)
    assert [view.name for view in shown] == ["closing.reader", "closing.reader.printing", "closing.reader"]
    assert (shown[-1].side, shown[-1].note) == (None, None)
    (paper,) = printer.papers
    said = [block.text for block in paper.blocks if isinstance(block, ParagraphBlock)]
    assert said[1:] == [HOURS.sv, "Kortkontoret, plan 2", "Förlorat kort: 020-00 00 00"]


async def test_whoever_gets_no_paper_is_told_so(tmp_path: Path) -> None:
    shown = await broken_reader(tmp_path, PaperTray(NotPrinted(OutOfPaper())))
    assert shown[-1].note is not None
    assert shown[-1].note.text == say("who_helps.not_printed")
