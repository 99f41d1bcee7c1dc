"""A clock that leaps, over restarts and confirmations: nothing irreversible happens, nothing is dated wrongly for good."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from fleet.server.alerts.queries import fleet_snapshot
from fleet.server.alerts.rules import evaluate_rules
from fleet.server.alerts.settings import load as load_alerts
from fleet.server.audit_log.log import entries
from fleet.server.cli import main
from fleet.server.clock.steady_clock import SteadyClock
from fleet.server.database.database import FILE_NAME, Database
from fleet.server.diagnosis.health import ATTENTION
from fleet.server.events.tables import events
from fleet.server.guards.model import HOLDS, RETENTION
from fleet.server.guards.service import GuardService, clock_is_believed, confirm, within_share
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.write import Writer
from fleet.server.stations.tables import alarms
from tests.fleet.server.conftest import KeptChanges, SealingStation, arrived

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
DECADE = timedelta(days=3652)
WHO = ("machine:test", "")


class Machine:
    """What its clock shows, and how long it has run."""

    def __init__(self) -> None:
        self.shown, self.ran_s = NOW, 0.0

    def run(self, hours: float) -> None:
        self.shown += timedelta(hours=hours)
        self.ran_s += hours * 3600

    def start(self, database: Database) -> tuple[SteadyClock, ClockWatch]:
        """A server's process, with its first look."""
        clock = SteadyClock(lambda: self.shown, lambda: self.ran_s)
        watch = ClockWatch(database, clock)
        watch.begin()
        return clock, watch

    def go_on(self, watch: ClockWatch, hours: int) -> None:
        for _ in range(hours):
            self.run(1)
            watch.look()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def believed(database: Database, now: datetime) -> bool:
    with database.reading.begin() as connection:
        return clock_is_believed(connection, now)


def say_right(database: Database, shown: datetime) -> bool:
    with database.writing.begin() as connection:
        return confirm(connection, "clock", shown, WHO)


def received(database: Database) -> list[datetime]:
    with database.reading.begin() as connection:
        return list(connection.execute(select(events.c.received).order_by(events.c.id)).scalars())


@pytest.mark.parametrize("leap", [DECADE, -DECADE, timedelta(days=1), timedelta(days=-1)], ids=str)
def test_a_leap_while_the_server_runs_moves_no_date_and_stops_what_cannot_be_undone(
    database: Database, machine: Machine, station: SealingStation, leap: timedelta
) -> None:
    clock, watch = machine.start(database)
    machine.go_on(watch, 30)
    assert believed(database, clock())
    before = machine.shown
    machine.shown += leap
    machine.run(1)
    watch.look()
    assert not believed(database, clock())
    assert clock() == before + timedelta(hours=1), "dates go on as if nothing had been"
    Writer(database).commit(arrived(station.seal()), clock())
    assert received(database) == [before + timedelta(hours=1)]
    machine.go_on(watch, 72)
    assert not believed(database, clock()), "time alone confirms nothing"
    assert watch.trouble() == "leapt"
    machine.shown -= leap
    machine.go_on(watch, 1)
    assert not believed(database, clock()), "nor does the clock that was set right"
    assert say_right(database, machine.shown)
    watch.look()
    assert believed(database, clock())
    assert (watch.trouble(), clock()) == (None, machine.shown)


def test_a_clock_that_was_set_right_is_gone_by_once_somebody_says_so(database: Database, machine: Machine) -> None:
    clock, watch = machine.start(database)
    machine.go_on(watch, 30)
    machine.shown += DECADE
    machine.go_on(watch, 1)
    assert say_right(database, machine.shown)
    machine.go_on(watch, 1)
    assert clock() == machine.shown
    assert believed(database, clock())


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)], ids=str)
def test_a_step_of_an_hour_is_followed_and_stops_nothing(database: Database, machine: Machine, step: timedelta) -> None:
    clock, watch = machine.start(database)
    machine.go_on(watch, 30)
    machine.shown += step
    machine.go_on(watch, 1)
    assert clock() == machine.shown
    assert believed(database, clock())


@pytest.mark.parametrize(
    ("off", "dated_by_it"),
    [(DECADE, False), (-DECADE, False), (timedelta(days=-1), False), (timedelta(days=3), True)],
    ids=["ten years ahead", "ten years behind", "a day behind", "the server was off for a weekend"],
)
def test_a_server_that_starts_with_another_clock_asks_and_every_restart_asks_again(
    database: Database, machine: Machine, station: SealingStation, off: timedelta, dated_by_it: bool
) -> None:
    clock, watch = machine.start(database)
    machine.go_on(watch, 30)
    Writer(database).commit(arrived(station.seal()), clock())
    before = machine.shown
    machine.shown += off
    for _ in range(3):
        clock, watch = machine.start(database)
        machine.go_on(watch, 30)
        assert not believed(database, clock())
        assert (abs(clock() - machine.shown) < timedelta(hours=1)) is dated_by_it
    Writer(database).commit(arrived(station.seal()), clock())
    assert received(database)[-1] >= before, "never below what the store holds"
    assert say_right(database, machine.shown)
    watch.look()
    assert believed(database, clock())


def test_the_newest_event_is_the_witness_where_the_store_has_no_look(
    database: Database, machine: Machine, station: SealingStation
) -> None:
    Writer(database).commit(arrived(station.seal()), NOW)
    machine.shown += DECADE
    clock, _ = machine.start(database)
    assert clock() == NOW
    assert not believed(database, clock())


def test_what_was_dated_ahead_is_set_right_with_the_clock(
    database: Database, machine: Machine, station: SealingStation
) -> None:
    clock, watch = machine.start(database)
    machine.go_on(watch, 30)
    machine.shown += timedelta(days=20)
    clock, watch = machine.start(database)
    Writer(database).commit(arrived(station.seal()), clock())
    machine.shown -= timedelta(days=20)
    assert received(database) == [machine.shown + timedelta(days=20)]
    assert say_right(database, machine.shown)
    assert received(database) == [machine.shown]


def test_more_than_a_share_waits_until_somebody_allows_it_for_a_day(database: Database) -> None:
    def may(due: int, rows: int, hours: int = 0) -> bool:
        with database.writing.begin() as connection:
            return within_share(connection, RETENTION, due, rows, NOW + timedelta(hours=hours))

    assert may(20, 0)
    assert may(100, 5000)
    assert not may(101, 5000)
    guards = GuardService(database, KeptChanges(), lambda: NOW)
    assert [(one.batch, one.due, one.most) for one in guards.state().stops] == [("retention", 101, 100)]
    assert not guards.confirm(HOLDS, WHO), "another batch"
    assert guards.confirm(RETENTION, WHO)
    assert not guards.confirm(RETENTION, WHO), "it is allowed already"
    assert may(101, 5000, hours=23)
    assert not may(102, 5000, hours=23), "no more than was asked for"
    with database.reading.begin() as connection:
        assert [(one.who, one.action, one.target) for one in entries(connection)[0]] == [
            ("machine:test", "guard.confirm", "retention")
        ]


def test_the_command_says_what_waits_and_takes_the_word(
    database: Database, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--data", str(tmp_path), "--json"]
    assert main(["guard", "confirm", "clock", *place]) == 3
    capsys.readouterr()
    _, watch = machine.start(database)
    machine.shown += DECADE
    watch.look()
    assert main(["guard", "list", *place]) == 0
    assert json.loads(capsys.readouterr().out)["clock"] == NOW.isoformat()
    assert main(["guard", "list", *place[:2]]) == 0
    assert "clock: leapt; it showed 2026-06-01 10:00 before" in capsys.readouterr().out
    assert main(["guard", "confirm", "clock", *place]) == 0
    assert watch.trouble() is None
    assert (tmp_path / FILE_NAME).exists()


def test_a_leap_is_one_alarm_and_takes_no_page_out_of_service(database: Database, machine: Machine) -> None:
    _, watch = machine.start(database)
    machine.shown -= DECADE
    machine.go_on(watch, 5)
    with database.reading.begin() as connection:
        kept = connection.execute(select(alarms.c.code, alarms.c.times)).all()
        found = list(evaluate_rules(fleet_snapshot(connection, NOW, timedelta(days=1)), load_alerts(None).rule))
    assert [tuple(row) for row in kept] == [("clock_leapt", 1)]
    assert [one.code for one in found] == ["clock_leapt"]
    assert "clock" in ATTENTION
