"""A server's store, and a directory in memory that it reads."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from fleet.server.clock.clock_check import ClockReading
from fleet.server.database.database import Database
from fleet.server.guards.service import store_clock_reading
from fleet.server.live_feed.hub import Hub
from fleet.server.people.directory_settings import AttributeMap, LdapSettings
from fleet.server.people.directory_sync import DirectorySync, SyncResult
from fleet.server.people.model import DirectoryAwayError, DirectoryPage, Facts, PersonRow
from fleet.server.people.queries import find_person
from fleet.server.people.tables import people
from fleet.server.stations.tables import alarms

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)


SETTINGS = LdapSettings(
    "ldaps://test", "ca", "cn=test", "secret", "dc=test", AttributeMap("employeeNumber", name="cn", left="left")
)


KEPT = timedelta(days=180)


class Directory:
    """One in memory, of a hundred people; `away` makes it one that does not answer."""

    def __init__(self) -> None:
        self.entries: dict[str, Facts] = {
            f"TEST000000-{n:04}": {"name": f"Alva Test{n}", "left": None} for n in range(100)
        }
        self.certificates: dict[str, tuple[bytes, ...]] = {}
        self.away = False

    def people(self) -> DirectoryPage:
        if self.away:
            raise DirectoryAwayError("LDAP: ConnectionError")
        return DirectoryPage(dict(self.entries), self.certificates)

    def say(self, numbers: Iterable[int], **facts: str | None) -> None:
        for number in numbers:
            name = f"TEST000000-{number:04}"
            self.entries[name] = {**self.entries[name], **facts}  # type: ignore[dict-item]

    def remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            del self.entries[f"TEST000000-{number:04}"]


class Region:
    """A server's store, and the directory that it reads."""

    def __init__(self, database: Database, settings: LdapSettings = SETTINGS) -> None:
        self.database, self.directory, self.now = database, Directory(), NOW
        self.job = DirectorySync(database, self.directory, settings, Hub(), lambda: self.now, KEPT)
        self.believe()

    def believe(self, hours: int = 3) -> None:
        """As the server looks at its clock all the time."""
        self.now += timedelta(hours=hours)
        with self.database.writing.begin() as connection:
            store_clock_reading(connection, ClockReading(self.now, NOW - timedelta(days=2)))

    def look(self) -> SyncResult:
        done = self.job.look()
        assert done is not None
        self.believe()
        return done

    def person(self, number: int) -> PersonRow:
        with self.database.reading.begin() as connection:
            found = find_person(connection, f"TEST000000-{number:04}")
        assert found is not None
        return found

    def left(self) -> int:
        with self.database.reading.begin() as connection:
            return sum(row.left is not None for row in connection.execute(select(people)))

    def alarms(self) -> set[tuple[str, str]]:
        with self.database.reading.begin() as connection:
            return {(row.code, row.argument) for row in connection.execute(select(alarms))}
