"""Two writers at once on PostgreSQL, each with a connection of its own: imports against retirement, leaves and retention.

The first is stopped in the middle: with its transaction open, or between what it has read and what it then writes.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, Engine, select

from fleet.server.clock.clock_check import ClockReading
from fleet.server.database.database import Database
from fleet.server.files.import_files import ImportRefusedError
from fleet.server.guards.service import store_clock_reading
from fleet.server.live_feed.hub import Hub
from fleet.server.orders import service as order_service
from fleet.server.orders.model import OrderLine, OrderRecord
from fleet.server.people.directory_settings import AttributeMap, LdapSettings
from fleet.server.people.directory_sync import DirectorySync, SyncResult
from fleet.server.people.model import DirectoryPage, Facts, PersonRow
from fleet.server.people.queries import find_person
from fleet.server.people.service import import_people, known_certificates
from fleet.server.people.tables import people
from fleet.server.retention.other_records import TABLES
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retirement.model import RetirementRefusedError
from fleet.server.retirement.service import retire
from fleet.server.stations.service import add_stations, retired_stations
from sim.stories.patience import LIMIT_S
from sim.stories.room import authority
from tests.fakes.server.databases import empty

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
STATION, ANNA = "entre-a", "TEST000000-0001"
WHO = ("test", "test")
ORDER = OrderLine(2, OrderRecord(
    "A1", ANNA, "Anna Test", False, "9999000020260001", "ordinary", 3, STATION, 4, "2026-08-01", None, None,
))  # fmt: skip
Work = Callable[[Connection], object]


@pytest.fixture
def shared(on_postgres: Database) -> Iterator[Database]:
    with on_postgres.writing.begin() as connection:
        add_stations(connection, [STATION])
    yield on_postgres
    empty(on_postgres)


def import_order(connection: Connection) -> None:
    order_service.import_orders(connection, [ORDER], NOW)


def retire_station(connection: Connection) -> None:
    retire(connection, STATION, "moved out", WHO, NOW)


def leave(connection: Connection) -> None:
    import_people(connection, [PersonRow(ANNA, "Anna Test", left="2026-05-31")], NOW)


def while_it_writes(database: Database, first: Work, second: Work) -> Exception | None:
    """The second begins while the transaction of the first is open, which is committed once the other waits or is through.
    What the second was refused with."""
    refused: list[Exception] = []

    def write() -> None:
        try:
            with database.writing.begin() as connection:
                second(connection)
        except (ImportRefusedError, RetirementRefusedError) as error:
            refused.append(error)

    other = threading.Thread(target=write)
    with database.writing.begin() as connection:
        first(connection)
        other.start()
        _until(lambda: not other.is_alive() or _somebody_waits(database))
    other.join(LIMIT_S)
    assert not other.is_alive()
    return refused[0] if refused else None


def _somebody_waits(database: Database) -> bool:
    query = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    with database.reading.begin() as connection:
        return bool(connection.exec_driver_sql(query).scalar())


def _until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_order_for_a_station_that_is_being_retired_is_refused(shared: Database) -> None:
    refused = while_it_writes(shared, retire_station, import_order)
    assert isinstance(refused, ImportRefusedError)
    assert "is retired" in refused.problems[0].reason


def test_a_station_for_which_an_order_is_being_imported_is_not_retired(shared: Database) -> None:
    refused = while_it_writes(shared, import_order, retire_station)
    assert isinstance(refused, RetirementRefusedError)
    with shared.reading.begin() as connection:
        assert retired_stations(connection, [STATION]) == set()


def test_an_order_for_somebody_who_is_just_leaving_is_refused(shared: Database) -> None:
    refused = while_it_writes(shared, leave, import_order)
    assert isinstance(refused, ImportRefusedError)
    assert "left on 2026-05-31" in refused.problems[0].reason


def test_two_imports_of_one_person_at_once_keep_what_both_say(shared: Database) -> None:
    def rename(connection: Connection) -> None:
        import_people(connection, [PersonRow(ANNA, "Anna Nytest")], NOW)

    assert while_it_writes(shared, leave, rename) is None
    with shared.reading.begin() as connection:
        person = find_person(connection, ANNA)
    assert person is not None
    assert person.name == "Anna Nytest"


@dataclass(frozen=True)
class Interrupted:
    """A store in which something else is written and committed before what has been read is written."""

    database: Database
    meanwhile: Work
    _done: list[bool] = field(default_factory=list)

    @property
    def reading(self) -> Engine:
        return self.database.reading

    @property
    def writing(self) -> Engine:
        if not self._done:
            self._done.append(True)
            with self.database.writing.begin() as connection:
                self.meanwhile(connection)
        return self.database.writing


class Directory:
    """Fifty people; the first has left long ago, and is still listed."""

    def __init__(self) -> None:
        self.entries: dict[str, Facts] = {
            f"TEST000000-{number:04}": {"name": f"Anna Test{number}", "left": None} for number in range(1, 51)
        }
        self.certificates: dict[str, tuple[bytes, ...]] = {}

    def people(self) -> DirectoryPage:
        return DirectoryPage(dict(self.entries), self.certificates)


KEPT = timedelta(days=180)
SETTINGS = LdapSettings(
    "ldaps://test", "ca", "cn=test", "secret", "dc=test", AttributeMap("employeeNumber", name="cn", left="left")
)


def look(database: Database | Interrupted, directory: Directory, now: datetime) -> SyncResult | None:
    """One look of a server at its directory. `database` is one in which something may come between."""
    return DirectorySync(database, directory, SETTINGS, Hub(), lambda: now, KEPT).look()  # type: ignore[arg-type]


@pytest.fixture
def listed(shared: Database) -> Directory:
    """A directory that was read before, of whose people one has left."""
    directory = Directory()
    directory.entries[ANNA] = {"name": "Anna Test1", "left": "2026-05-31"}
    with shared.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(NOW, NOW - timedelta(days=2)))
    look(shared, directory, NOW)
    return directory


def forget(connection: Connection) -> None:
    """Retention's hour, a year later."""
    TABLES["people"][1](connection, NOW + timedelta(days=365) - KEPT, Pseudonyms(bytes(32)))


def known(database: Database) -> dict[str, str | None]:
    with database.reading.begin() as connection:
        return {row.hsa_id: row.left for row in connection.execute(select(people))}


def test_who_is_forgotten_while_the_directory_is_read_is_not_brought_back_as_somebody_who_is_here(
    shared: Database, listed: Directory
) -> None:
    listed.entries[ANNA] = {"name": "Anna Nytest", "left": "2026-05-31"}
    listed.certificates[ANNA] = (authority().anchors()[0].public_bytes(Encoding.DER),)
    later = NOW + timedelta(days=365)
    with shared.writing.begin() as connection:
        store_clock_reading(connection, ClockReading(later, NOW))
    look(Interrupted(shared, forget), listed, later)
    assert ANNA not in known(shared), "a leaver of whom nothing but a name is known counts as here"
    assert len(known(shared)) == 49
    with shared.reading.begin() as connection:
        assert known_certificates(connection) == set(), "nor whose certificate it is"


def test_a_leave_of_the_office_while_the_directory_is_read_stands(shared: Database, listed: Directory) -> None:
    other = "TEST000000-0002"
    listed.entries[other] = {"name": "Anna Nytest", "left": None}

    def leaves(connection: Connection) -> None:
        import_people(connection, [replace(PersonRow(other, "Anna Test2"), left="2026-05-30")], NOW)

    look(Interrupted(shared, leaves), listed, NOW)
    assert known(shared)[other] == "2026-05-30"
