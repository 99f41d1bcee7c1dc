"""Leaves that wait for a person, by every way by which they are said: many of them, and an ID administrator's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.server.cards.service import CardService
from fleet.server.cli import main
from fleet.server.database.database import Database
from fleet.server.guards.model import DIRECTORY_LEAVERS
from fleet.server.guards.service import confirm
from fleet.server.live_feed.hub import Hub
from fleet.server.people.leaving import LeaveWaitsError
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import replace_administrators
from fleet.server.people.service import import_people
from fleet.server.people.tables import people
from fleet.server.stations.alarms import ADMINISTRATOR_LEFT, DIRECTORY_MANY
from fleet.server.stations.tables import alarms
from sim.stories.administrators import listed
from tests.fakes.server.directory_region import Region

NOW = datetime.now(UTC).replace(microsecond=0)
WARD = [f"SE999999-{number:04}" for number in range(40)]
ADMIN = "SE2321000999-1A13"
LEFT = "2026-05-31"


@pytest.fixture
def office(database: Database) -> CardService:
    """Two hundred people, of whom one is an ID administrator, known since long."""
    with database.writing.begin() as connection:
        known = [*WARD, ADMIN, *(f"SE2321000131-{number:04}" for number in range(159))]
        import_people(connection, [PersonRow(hsa_id, "Alva Test") for hsa_id in known], NOW - timedelta(days=30))
        replace_administrators(connection, [listed(ADMIN, "Maj Test"), listed("SE2321000999-1A14", "Bo Test")])
    return CardService(database, Hub(), lambda: NOW)


def left(database: Database) -> set[str]:
    with database.reading.begin() as connection:
        return set(connection.execute(select(people.c.hsa_id).where(people.c.left.is_not(None))).scalars())


def codes(database: Database) -> set[str]:
    with database.reading.begin() as connection:
        return set(connection.execute(select(alarms.c.code)).scalars())


def put(office: CardService, hsa_id: str) -> None:
    office.take_person(PersonRow(hsa_id, "Alva Test", left=LEFT), by_person=False)


def patch(office: CardService, hsa_id: str) -> None:
    office.change_person(hsa_id, {"left": LEFT}, by_person=False)


@pytest.mark.parametrize("say", [put, patch])
def test_one_by_one_no_more_leave_within_a_day_than_a_person_allows(
    office: CardService, database: Database, say: Callable[[CardService, str], None]
) -> None:
    refused = 0
    for hsa_id in WARD:
        try:
            say(office, hsa_id)
        except LeaveWaitsError:
            refused += 1
    assert (refused, len(left(database))) == (20, 20)
    assert DIRECTORY_MANY in codes(database)
    with database.writing.begin() as connection:
        assert confirm(connection, DIRECTORY_LEAVERS, NOW, ("machine:test", ""))
    say(office, WARD[20])
    assert len(left(database)) == 21


def test_a_leave_that_comes_earlier_is_one_too(office: CardService, database: Database) -> None:
    with database.writing.begin() as connection:
        rows = [PersonRow(hsa_id, "Alva Test", left="2099-05-31") for hsa_id in WARD]
        import_people(connection, rows, NOW - timedelta(days=20))
    for hsa_id in WARD[:20]:
        patch(office, hsa_id)
    with pytest.raises(LeaveWaitsError, match="directory:leavers"):
        patch(office, WARD[20])


def test_an_id_administrator_leaves_by_a_persons_word(office: CardService, database: Database) -> None:
    for say in (put, patch):
        with pytest.raises(LeaveWaitsError, match="ID administrator"):
            say(office, ADMIN)
    assert (left(database), codes(database)) == (set(), {ADMINISTRATOR_LEFT})
    office.change_person(ADMIN, {"left": LEFT}, by_person=True)
    assert left(database) == {ADMIN}


def test_a_file_takes_no_ward_and_no_id_administrator_away(
    office: CardService, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "hsa_id,name,protected,left,continued,name_changed\n"
    everybody, few = tmp_path / "all.csv", tmp_path / "few.csv"
    everybody.write_text(head + "".join(f"{hsa_id},Alva Test,no,{LEFT},no,\n" for hsa_id in WARD))
    few.write_text(head + f"{ADMIN},Alva Test,no,{LEFT},no,\n{WARD[0]},Alva Test,no,{LEFT},no,\n")
    assert main(["import-directory", str(everybody), "--data", str(tmp_path)]) == 2
    assert "40 leave: too many within a day" in capsys.readouterr().err
    assert left(database) == set()
    assert DIRECTORY_MANY in codes(database)
    assert main(["import-directory", str(few), "--data", str(tmp_path)]) == 0
    assert left(database) == {WARD[0]}
    assert ADMINISTRATOR_LEFT in codes(database)


def test_the_directory_takes_no_id_administrator_away(database: Database) -> None:
    region = Region(database)
    region.look()
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed("TEST000000-0001", "Maj Test"), listed(ADMIN, "Bo Test")])
    region.directory.say([1, 2], left=LEFT)
    assert region.look().waiting == 1
    assert left(database) == {"TEST000000-0002"}
    region.look()
    with database.writing.begin() as connection:
        told = connection.execute(select(alarms.c.times).where(alarms.c.code == ADMINISTRATOR_LEFT)).scalar()
        assert told == 1, "once a day"
        replace_administrators(connection, [listed(ADMIN, "Bo Test")])
    region.look()
    assert region.person(1).left == LEFT
