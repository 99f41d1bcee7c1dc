"""Whoever is sent away hears who helps, where and when."""

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.region import BothLanguages, RegionSettings
from kiosk.views import local, say
from sim.stories.errand_stories import errand_stories, play
from sim.stories.room import Room, quick_folder

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
    if not office:
        assert last.note is None
        return
    assert last.note is not None
    assert last.note.title == say("stop.office", office=office)
    assert last.note.text == (local(hours.model_dump()) if hours else say("stop.office.ask"))


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
