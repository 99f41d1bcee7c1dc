"""The worklist at a station: for its administrators alone, by their card's signature, without a name, and with a take."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.messages.asking import DeclinedResult, WorklistAsk, WorklistLine, WorklistResult
from fleet.server.database.database import Database
from fleet.server.sign_in.service import Access
from tests.fakes.issuers.server_side import ADMIN, ALVA, MAJ, Place
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.worklist.conftest import Desk

CARD, OTHER, STATION = "9752269033000001", "9752269033000002", "entre-a"


@pytest.fixture
def place(desk: Desk, tmp_path: Path) -> Place:
    made = Place(desk.database, tmp_path)
    made.now = desk.now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    made.issuer.worklist = desk.worklist.at_station
    desk.listed((ADMIN, ("KRA",)), stations=(STATION,))
    desk.order("O-1", CARD, station=STATION, name="Alva Test", hsa_id="TEST000000-0001")
    desk.held(CARD, station=STATION)
    desk.held(OTHER, station="entre-b")
    return made


def ask(number: int, take: str = "") -> WorklistAsk:
    return WorklistAsk(id=f"{number + 100:032x}", take=take)


async def test_an_administrator_hears_what_waits_at_this_station_and_no_name(place: Place) -> None:
    told = await place.by(MAJ, ask(1))
    assert isinstance(told, WorklistResult)
    (line,) = told.lines
    assert (line.kind, line.card, line.due, line.taken) == ("hold", CARD[-8:], "2026-03-03T12:00:00Z", "")
    assert WorklistLine.__struct_fields__ == ("id", "kind", "due", "card", "taken"), "no field for a name"


async def test_who_is_no_administrator_hears_nothing(place: Place) -> None:
    assert await place.by(ALVA, ask(2)) == DeclinedResult("not_administrator")
    assert (await place.ask(ask(3))).ok
    assert await place.result(ask(3)) == DeclinedResult("bad_mandate"), "without a proof nobody asks"


async def test_a_row_is_taken_at_the_station_and_the_dashboard_shows_by_whom(place: Place, desk: Desk) -> None:
    told = await place.by(MAJ, ask(4))
    assert isinstance(told, WorklistResult)
    taken = await place.by(MAJ, ask(5, take=told.lines[0].id))
    assert isinstance(taken, WorklistResult)
    assert [line.taken for line in taken.lines] == ["you"]
    (row,) = desk.worklist.rows(station=STATION)
    assert row.taken is not None
    assert row.taken.who == ADMIN
    entries = Access(desk.database, desk.clock, SEALER).entries(who=ADMIN)[0]
    assert [(one.action, one.target, one.address) for one in entries] == [("worklist.take", CARD, f"station:{STATION}")]


async def test_an_id_that_is_none_is_refused_before_anybody_is_asked(place: Place, database: Database) -> None:
    assert (await place.ask(ask(6, take="x" * 32))).error == "bad_ask"
    gone = await place.by(MAJ, ask(7, take="0" * 32))
    assert isinstance(gone, WorklistResult)
    assert [line.taken for line in gone.lines] == [""], "what is done already is taken by nobody"
