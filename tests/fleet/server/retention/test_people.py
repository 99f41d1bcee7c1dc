"""Leavers of long ago: with their row goes all that sources said of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from fleet.server.database.database import Database
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people, record_certificates
from fleet.server.people.tables import people, person_certificates, person_facts
from fleet.server.retention.other_records import TABLES
from fleet.server.retention.person_erasure import PersonErased, erase_person
from fleet.server.retention.pseudonyms import Pseudonyms
from sim.stories.room import authority
from tests.fleet.server.conftest import NOW
from tests.fleet.server.retention.conftest import HOLDER, job

LATER = NOW + timedelta(days=5)
OTHER = "TEST000000-0009"


def known(database: Database) -> dict[str, set[str]]:
    """HSA-ids in each table."""
    with database.reading.begin() as connection:
        return {
            table.name: set(connection.execute(select(table.c.hsa_id)).scalars())
            for table in (people, person_facts, person_certificates)
        }


def fill(database: Database) -> None:
    first, second = (one.public_bytes(Encoding.DER) for one in authority().intermediates()[:2])
    with database.writing.begin() as connection:
        import_people(connection, [PersonRow(HOLDER, "Tove Test", left="2025-01-31"), PersonRow(OTHER, "Bo Test")], NOW)
        record_certificates(connection, HOLDER, [first])
        record_certificates(connection, OTHER, [second])


def test_a_leaver_goes_with_all_words_and_the_others_stay(database: Database) -> None:
    fill(database)
    count, forget = TABLES["people"]
    cutoff = datetime(2025, 6, 1, tzinfo=UTC)
    with database.writing.begin() as connection:
        assert (count(connection, cutoff), forget(connection, cutoff, Pseudonyms(bytes(32)))) == (1, 1)
        assert connection.execute(select(func.count()).select_from(people)).scalar_one() == 1
    assert known(database) == dict.fromkeys(("people", "person_facts", "person_certificates"), frozenset({OTHER}))


def test_who_is_erased_leaves_no_word_behind(database: Database, tmp_path: Path) -> None:
    fill(database)
    assert erase_person(job(database, LATER), HOLDER, tmp_path / "book") == PersonErased(0, 0)
    assert known(database) == dict.fromkeys(("people", "person_facts", "person_certificates"), frozenset({OTHER}))
