"""A store, the job that looks at its deadlines, and a clock that a test sets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from fleet.messages.link import StationState, encode
from fleet.server.audit_log.log import entries
from fleet.server.audit_log.tables import audit, audit_head
from fleet.server.database.bulk import insert_new
from fleet.server.database.database import Database
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import Code, DeadlineSettings, load
from fleet.server.deadlines.tables import deeds, open_days
from fleet.server.guards.service import confirm
from fleet.server.guards.tables import batch_stops, server_clock
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.write import Writer
from fleet.server.issuers import model
from fleet.server.issuers import request_queue as requesting
from fleet.server.issuers.tables import requests
from fleet.server.orders.tables import orders
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people
from fleet.server.people.tables import people
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.tables import alarms, stations
from tests.fakes.server.databases import new_on
from tests.fakes.server.postgres import Cluster
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived, hold_orders, prove_hand_over, record

BEGIN = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
HOLDER, CARD = record().hsa_id, record().card_number


@pytest.fixture
def on_postgres(postgres: Cluster) -> Iterator[Database]:
    """The same store on PostgreSQL; after the test it is as it was, the audit's chain too."""
    opened = new_on(postgres)
    with opened.writing.begin() as connection:
        before = connection.execute(select(audit_head)).first()
        if before is None:
            connection.execute(insert(audit_head).values(id=1, sequence=0, hash=""))
    yield opened
    with opened.writing.begin() as connection:
        for table in (deeds, open_days, requests, server_clock, batch_stops, orders, people, alarms, audit_head):
            connection.execute(delete(table))
        connection.execute(delete(audit).where(audit.c.sequence > (before.sequence if before else 0)))
        if before is not None:
            connection.execute(insert(audit_head).values(**before._mapping))
    opened.close()


class Fleet:
    """A store, the job that looks at it, and its clock."""

    def __init__(self, database: Database, settings: DeadlineSettings) -> None:
        self.database, self.settings, self.now = database, settings, BEGIN
        self.job = DeadlineJob(database, settings, KeptChanges(), lambda: self.now)
        self.watch = ClockWatch(database, lambda: self.now)
        self.is_heard = True
        """Whether the station speaks; the broker holds its session either way."""
        self.open(True)

    def open(self, receives: bool, name: str = "entre-a") -> None:
        """From now on the station receives visitors, or is out of service."""
        why = None if receives else "repair"
        state = StationState(
            title="Entré A", version="0.1.0", bootid="boot-1", time=BEGIN.isoformat(), out_of_service=why
        )
        with self.database.writing.begin() as connection:
            insert_new(connection, stations, {"name": name, "online": True})
            values = {"online": True, "state": encode(state).decode()}
            connection.execute(update(stations).where(stations.c.name == name).values(values))

    def run(self, days: int) -> int:
        """Look once a day for so many days, as if there had been looks between; gives how many actions that were."""
        done = 0
        for _ in range(days):
            self.now += timedelta(days=1)
            with self.database.writing.begin() as connection:
                connection.execute(update(server_clock).values(seen=self.now))
            done += self.look()
        return done

    def look(self) -> int:
        """As the server does: at the clock, then at what is due."""
        if self.is_heard:
            self.sql(update(stations).values(heard=self.now))
        self.watch.look()
        return self.job.look()

    def confirm(self, name: str = "clock") -> bool:
        with self.database.writing.begin() as connection:
            return confirm(connection, name, self.now, ("machine:test", ""))

    def skip(self, days: int) -> None:
        """So many quiet days go by."""
        self.now += timedelta(days=days)
        self.sql(update(server_clock).values(seen=self.now))

    def recorded_actions(self, code: Code, subject: str) -> list[tuple[str, str, str]]:
        """What, how and on which day."""
        with self.database.reading.begin() as connection:
            known = deadlining.recorded_actions(connection, code, [subject]).values()
        return sorted((one.what, one.did, one.at.date().isoformat()) for one in known)

    def asked(self) -> list[model.Queueable]:
        """Of the issuer, about cards; that one was handed over is told without a deadline."""
        return [row.content for row in self._requests()]

    def names(self) -> list[str]:
        """In whose name each was asked."""
        return [row.by for row in self._requests()]

    def _requests(self) -> list[model.RequestRow]:
        with self.database.reading.begin() as connection:
            rows = requesting.list_requests(connection)[0]
        return [row for row in rows if not isinstance(row.content, model.HandoverReport)]

    def state(self) -> str:
        return StoreReadings(self.database, lambda: self.now).orders()[0][0].state

    def told(self) -> list[tuple[str, str]]:
        """Of the audit: oldest first."""
        with self.database.reading.begin() as connection:
            return [(one.action, one.detail) for one in entries(connection)[0][::-1]]

    def alarms(self) -> dict[str, int]:
        with self.database.reading.begin() as connection:
            return {row.code: row.times for row in connection.execute(select(alarms))}

    def sql(self, statement: Any) -> None:
        with self.database.writing.begin() as connection:
            connection.execute(statement)


def settled(database: Database) -> Fleet:
    """One whose clock is believed."""
    made = Fleet(database, load())
    made.look()
    made.run(2)
    return made


@pytest.fixture
def fleet(database: Database) -> Fleet:
    return settled(database)


def handed_over(fleet: Fleet, events: int = 5) -> None:
    """The holder has been there, as far as that many events."""
    hold_orders(fleet.database, record())
    told = SealingStation().pickup()[:events]
    Writer(fleet.database).commit(arrived(*told), fleet.now)
    if events > 2:
        prove_hand_over(fleet.database, what="activated" if events == 3 else "collected")


def person(fleet: Fleet, **facts: Any) -> None:
    with fleet.database.writing.begin() as connection:
        import_people(connection, [PersonRow(HOLDER, "Tove Test", **facts)], fleet.now)


def replace_rule(fleet: Fleet, code: Code, **changes: Any) -> Any:
    rule = fleet.settings.rule[code]
    return type(rule)(**{name: getattr(rule, name) for name in rule.__struct_fields__} | changes)
