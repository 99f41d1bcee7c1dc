"""People of a directory that is read again and again: leavers, those who come back, and answers that cannot be true."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.leavers import leaver_digest
from fleet.server.database.database import Database
from fleet.server.guards.service import confirm, guard_state, observe_clock
from fleet.server.people.directory_settings import LdapSettings
from fleet.server.people.directory_sync import SyncResult, directory_trouble
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import find_person
from fleet.server.people.service import import_people, known_certificates, leaver_digests_after
from fleet.server.retention.other_records import TABLES
from fleet.server.retention.pseudonyms import Pseudonyms
from sim.stories.room import authority
from tests.fakes.server.directory_region import KEPT, SETTINGS, Region

CERTIFICATE = authority().anchors()[0]


@pytest.fixture
def region(database: Database) -> Region:
    made = Region(database)
    assert made.look() == SyncResult(100, 100)
    return made


def test_who_is_said_to_have_left_or_is_there_no_more_has_left(region: Region) -> None:
    region.directory.say([1], left="2026-05-31")
    region.directory.remove([2])
    assert region.look() == SyncResult(99, 2)
    assert (region.person(1).left, region.person(2).left) == ("2026-05-31", "2026-06-01")
    assert region.look() == SyncResult(99, 0), "told once, on the day when it was seen"


def test_where_the_settings_say_so_who_is_missing_has_not_left(database: Database) -> None:
    region = Region(database, replace_settings(missing="nothing"))
    region.look()
    region.directory.remove([2])
    region.look()
    assert region.left() == 0


def test_who_comes_back_is_here(region: Region) -> None:
    kept = dict(region.directory.entries)
    region.directory.remove([2])
    region.look()
    region.directory.entries = kept
    region.look()
    assert region.left() == 0


def test_who_was_forgotten_after_leaving_is_not_brought_back_by_a_directory_that_still_lists_them(
    region: Region,
) -> None:
    region.directory.say([1, 2], left="2026-05-31")
    region.directory.say([2], continued="yes")
    region.directory.certificates = {"TEST000000-0001": (CERTIFICATE.public_bytes(Encoding.DER),)}
    region.look()
    region.believe(hours=24 * 365)
    with region.database.writing.begin() as connection:
        _, forget = TABLES["people"]
        forget(connection, region.now - KEPT, Pseudonyms(bytes(32)))
    assert region.look() == SyncResult(99, 0)
    with region.database.reading.begin() as connection:
        assert find_person(connection, "TEST000000-0001") is None
        assert known_certificates(connection) == set()
    assert region.person(2).continued
    region.directory.say([1], left=None)
    region.look()
    assert region.person(1).left is None, "who has a new assignment is here"


def test_what_the_directory_says_of_somebody_whom_the_office_knows_counts_however_old(database: Database) -> None:
    region = Region(database)
    with database.writing.begin() as connection:
        import_people(connection, [PersonRow("TEST000000-0001", "Alva Test")], region.now)
    region.directory.say([1], left="2016-05-31")
    region.look()
    assert region.person(1).left == "2016-05-31"


def test_an_empty_answer_is_a_fault_and_nobody_leaves(region: Region) -> None:
    region.directory.entries = {}
    assert region.job.look() is None
    assert region.left() == 0
    assert directory_trouble(region.database) == "the search finds nobody: see base and filter"


def test_a_directory_that_is_away_is_told_until_it_answers(region: Region) -> None:
    region.directory.away = True
    assert region.job.look() is None
    assert directory_trouble(region.database) == "LDAP: ConnectionError"
    region.directory.away = False
    region.look()
    assert directory_trouble(region.database) is None


@pytest.mark.parametrize("kind", ["missing", "left"])
def test_a_shrunken_answer_waits_for_a_person_and_the_rest_is_taken(region: Region, kind: str) -> None:
    if kind == "missing":
        region.directory.remove(range(10, 50))
    else:
        region.directory.say(range(10, 50), left="2026-05-31")
    region.directory.say([1], mail="alva@region.example")
    assert region.look().waiting == 40
    assert (region.left(), region.person(1).mail) == (0, "alva@region.example")
    assert region.alarms() == {("directory_many", "left: 40")}
    with region.database.writing.begin() as connection:
        (stop,) = guard_state(connection, region.now).stops
        assert (stop.batch, stop.due) == ("directory:leavers", 40)
        assert confirm(connection, stop.batch, region.now, ("machine:test", ""))
    assert region.look().waiting == 0
    assert region.left() == 40


def test_leaves_little_by_little_are_a_share_of_a_day_too(region: Region) -> None:
    for step in range(3):
        region.directory.say(range(step * 10, step * 10 + 10), left="2026-05-31")
        region.look()
    assert region.left() == 20
    region.believe(hours=25)
    region.look()
    assert region.left() == 30


def test_of_a_few_people_never_more_than_half_leave_by_themselves(database: Database) -> None:
    region = Region(database)
    region.directory.remove(range(4, 100))
    region.look()
    region.directory.remove(range(1, 4))
    assert region.look().waiting == 3


def test_a_clock_that_is_not_believed_dates_no_leave(database: Database) -> None:
    region = Region(database)
    region.look()
    region.directory.remove([2])
    region.directory.say([1], left="2026-05-31")
    region.now += timedelta(days=3650)
    with database.writing.begin() as connection:
        observe_clock(connection, region.now)
    done = region.job.look()
    assert done is not None
    assert (done.waiting, region.person(1).left, region.person(2).left) == (1, "2026-05-31", None)


def test_a_new_name_has_its_day_and_a_new_way_of_writing_all_names_waits(region: Region) -> None:
    region.directory.say([1], name="Alva Nytt")
    region.look()
    assert (region.person(1).name, region.person(1).name_changed) == ("Alva Nytt", "2026-06-01")
    region.directory.say(range(2, 60), name="Test Alva")
    assert region.look().waiting == 58
    assert (region.person(3).name, region.person(3).name_changed) == ("Alva Test3", None)


def test_what_the_office_says_stands_beside_the_directory(region: Region) -> None:
    with region.database.writing.begin() as connection:
        row = PersonRow("TEST000000-0001", "Alva Test", left="2026-06-01", continued=True)
        import_people(connection, [row], region.now)
    region.look()
    assert (region.person(1).left, region.person(1).continued) == ("2026-06-01", True)


def test_a_leaver_s_certificates_are_told_by_digest_while_they_are_valid(region: Region) -> None:
    der = CERTIFICATE.public_bytes(Encoding.DER)
    region.directory.certificates["TEST000000-0001"] = (der, b"no certificate")
    region.directory.say([1], left="2026-05-31")
    region.look()
    last = CERTIFICATE.not_valid_after_utc.date()
    with region.database.reading.begin() as connection:
        told = [
            leaver_digests_after(connection, day, after="", limit=9)
            for day in ("2026-05-30", "2026-06-01", "2027-01-01", (last + timedelta(days=1)).isoformat())
        ]
    assert told == [[], [leaver_digest(der)], [], []]


def replace_settings(**changed: str) -> LdapSettings:
    names = SETTINGS.__struct_fields__
    return LdapSettings(**{name: getattr(SETTINGS, name) for name in names} | changed)
