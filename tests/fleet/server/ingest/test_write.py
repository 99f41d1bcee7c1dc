"""Every event once, exact bytes, gaps asked for, conflicts aside, chains checked."""

import random
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from fleet.messages.commands import CommandResult
from fleet.messages.events import Facts, seal
from fleet.messages.link import Acked, StationState, decode, encode
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.database.database import Database
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.ingest.parse import ArrivedPresence, ArrivedResult, ArrivedState, UnreadableMessage
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.tables import alarms
from tests.fleet.server.conftest import NOW, SealingStation, arrived

LATER = NOW + timedelta(hours=1)
STATE = '{"title":"Entré A","version":"0.1.0","bootid":"b","time":"2026-06-01T10:00:00Z"}'


def count(database: Database, table: object) -> int:
    with database.reading.begin() as connection:
        number: int = connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    return number


def codes(database: Database) -> dict[str, str]:
    with database.reading.begin() as connection:
        return {row.code: row.argument for row in connection.execute(select(alarms))}


def test_a_batch_is_stored_and_acknowledged_through_its_last(writer: Writer, station: SealingStation) -> None:
    committed = writer.commit(arrived(*station.seals(3)), NOW)
    assert committed.acked == (("entre-a", Acked(1, 3)),)
    assert committed.stored == 3


def test_exact_bytes_are_kept(writer: Writer, station: SealingStation, database: Database) -> None:
    event = station.seal(content={"text": "å, not escaped", "number": 1.50})
    writer.commit(arrived(event), NOW)
    with database.reading.begin() as connection:
        row = connection.execute(select(events.c.envelope, events.c.data, events.c.salt)).one()
    assert tuple(row) == (event.envelope, event.data, event.salt)


def test_a_repetition_changes_nothing_and_is_acknowledged_again(
    writer: Writer, station: SealingStation, database: Database
) -> None:
    batch = arrived(*station.seals(3))
    writer.commit(batch, NOW)
    again = writer.commit(batch, NOW)
    assert (again.stored, again.conflicts) == (0, 0)
    assert again.acked == (("entre-a", Acked(1, 3)),), "a lost acknowledgement heals"
    assert count(database, events) == 3


def test_the_same_event_twice_in_one_batch_is_stored_once(writer: Writer, station: SealingStation) -> None:
    event = station.seal()
    assert writer.commit(arrived(event, event), NOW).stored == 1


def test_a_gap_is_asked_for_and_closes(writer: Writer, station: SealingStation, readings: StoreReadings) -> None:
    one, two, three, four = station.seals(4)
    assert writer.commit(arrived(one, four), NOW).acked == (("entre-a", Acked(1, 1, ((2, 3),))),)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.held_through, row.missing) == (1, 2)
    assert writer.commit(arrived(three, two), NOW).acked == (("entre-a", Acked(1, 4)),)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.missing, row.chain_ok) == (0, True)


def test_any_order_of_arrival_gives_an_intact_chain(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    batch = arrived(*station.seals(30))
    random.Random(7).shuffle(batch)
    for start in range(0, 30, 7):
        committed = writer.commit(batch[start : start + 7], NOW)
    assert committed.acked == (("entre-a", Acked(1, 30)),)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert row.chain_ok is True


@pytest.mark.parametrize("erased_neighbour_arrives", ["before", "after"])
def test_a_broken_chain_is_stored_and_said(
    writer: Writer,
    station: SealingStation,
    readings: StoreReadings,
    database: Database,
    erased_neighbour_arrives: str,
) -> None:
    first = station.seal()
    stranger = seal(Facts("entre-a", 1, 2, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z", prev="f" * 64), {})
    batch = [first, stranger] if erased_neighbour_arrives == "before" else [stranger, first]
    for event in batch:
        writer.commit(arrived(event), NOW)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.chain_ok, row.held_through) == (False, 2)
    assert "chain_broken" in codes(database)


def test_a_first_event_that_follows_something_is_a_broken_chain(writer: Writer, database: Database) -> None:
    stranger = seal(Facts("entre-a", 1, 1, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z", prev="f" * 64), {})
    writer.commit(arrived(stranger), NOW)
    assert codes(database) == {"chain_broken": "1:1"}


def test_other_bytes_under_the_same_key_are_kept_aside(
    writer: Writer, station: SealingStation, database: Database
) -> None:
    event = station.seal(content={"n": 1})
    other = seal(Facts("entre-a", 1, 1, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z"), {"n": 2})
    writer.commit(arrived(event), NOW)
    for _ in range(2):
        writer.commit(arrived(other), NOW)
    with database.reading.begin() as connection:
        assert connection.execute(select(events.c.envelope)).scalars().all() == [event.envelope], "the first stays"
        assert connection.execute(select(conflicts.c.raw)).scalars().all() == [other.wire], "kept once"
    assert codes(database)["conflict"] == "1:1"


def test_something_unreadable_with_a_key_counts_as_held(
    writer: Writer, station: SealingStation, readings: StoreReadings, database: Database
) -> None:
    one, _, three = station.seals(3)
    spoilt = UnreadableMessage("entre-a", (1, 2), "events", b"\xff{", "not an event")
    assert writer.commit([*arrived(one), spoilt, *arrived(three)], NOW).acked == (("entre-a", Acked(1, 3)),)
    assert writer.commit([spoilt], NOW).quarantined == 0, "the same thing is kept once"
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.quarantined, row.chain_ok, row.missing) == (1, True, 0)
    assert codes(database) == {"quarantined": "not an event"}


def test_something_unreadable_without_a_key_is_kept_and_nobody_waits_for_it(writer: Writer, database: Database) -> None:
    committed = writer.commit([UnreadableMessage("entre-a", None, "events", b"{", "not an event")], NOW)
    assert committed.acked == ()
    assert count(database, quarantine) == 1


def test_a_new_card_in_the_station_begins_a_new_chain(
    writer: Writer, station: SealingStation, readings: StoreReadings
) -> None:
    writer.commit(arrived(*station.seals(5)), NOW)
    renewed = SealingStation(epoch=2)
    assert writer.commit(arrived(renewed.seal()), NOW).acked == (("entre-a", Acked(2, 1)),)
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.held_through, row.chain_ok) == (1, True)


def test_stations_do_not_mix(writer: Writer) -> None:
    a, b = SealingStation("a"), SealingStation("b")
    committed = writer.commit(arrived(*a.seals(2), *b.seals(3)), NOW)
    assert committed.acked == (("a", Acked(1, 2)), ("b", Acked(1, 3)))


def test_an_erased_event_still_meets_its_repetition(
    writer: Writer, station: SealingStation, database: Database
) -> None:
    event = station.seal()
    writer.commit(arrived(event), NOW)
    with database.writing.begin() as connection:
        connection.execute(events.update().values(data=None, salt=None))
    assert writer.commit(arrived(event), NOW).conflicts == 0
    assert writer.commit(arrived(station.seal()), NOW).acked == (("entre-a", Acked(1, 2)),)


def test_presence_and_state_are_the_latest(writer: Writer, readings: StoreReadings) -> None:
    committed = writer.commit([ArrivedPresence("entre-a", True), ArrivedState("entre-a", STATE)], NOW)
    assert {"stations", "station/entre-a"} <= committed.topics
    row = readings.station("entre-a", NOW)
    assert row is not None
    assert (row.title, row.online, row.heard, row.chain_ok) == ("Entré A", True, NOW, None)
    writer.commit([ArrivedPresence("entre-a", False)], NOW)
    assert readings.summary(NOW).alarms == (("entre-a", "offline", ""),)


def test_a_state_that_says_nothing_new_is_heard_and_not_written(writer: Writer, readings: StoreReadings) -> None:
    def says(time: datetime, **changes: object) -> tuple[frozenset[str], str]:
        state = replace(decode(StationState, STATE.encode()), time=time.isoformat(), clock_off_s=0, **changes)
        topics = writer.commit([ArrivedState("entre-a", encode(state).decode())], time).topics
        row = readings.station("entre-a", time)
        assert row is not None
        assert row.state is not None
        assert row.heard == time
        return topics, row.state.time

    first, at = says(NOW)
    assert (bool(first), at) == (True, NOW.isoformat())
    for minutes in (1, 2, 3):
        assert says(NOW + timedelta(minutes=minutes)) == (frozenset(), NOW.isoformat())
    assert says(LATER, outbox_depth=1)[1] == LATER.isoformat()


def test_what_the_broker_remembers_of_a_station_is_not_the_station_being_heard(
    writer: Writer, readings: StoreReadings
) -> None:
    def heard() -> list[datetime | None]:
        return [row.heard for row in readings.stations(LATER)]

    writer.commit(
        [ArrivedPresence("entre-a", True), ArrivedPresence("entre-a", False), ArrivedState("entre-b", STATE)], NOW
    )
    memory = [
        ArrivedPresence("entre-a", False, True),
        ArrivedState("entre-a", STATE, True),
        ArrivedPresence("entre-c", False, True),
    ]
    writer.commit(memory, LATER)
    assert heard() == [NOW, NOW, None]
    writer.commit([*memory, ArrivedState("entre-b", STATE, True), ArrivedPresence("entre-b", True, True)], LATER)
    assert heard() == [NOW, NOW, None], "the broker replays what it retained of a station that has died with it"
    writer.commit([ArrivedState("entre-a", STATE, waited=True), ArrivedPresence("entre-b", True, waited=True)], LATER)
    assert heard() == [NOW, NOW, None], "what waited for a server that was away was not said now"
    writer.commit([*memory, ArrivedState("entre-a", STATE)], LATER)
    assert heard() == [LATER, NOW, None]


def test_a_failed_commit_takes_nothing(writer: Writer, station: SealingStation, database: Database) -> None:
    good, bad = arrived(*station.seals(2))
    broken = replace(bad, event=replace(bad.event, type=None))  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        writer.commit([good, broken], NOW)
    assert count(database, events) == 0
    assert writer.commit([good, bad], NOW).stored == 2


def test_that_a_station_was_heard_is_written_once_a_second_and_anew_after_a_clock_jump(
    writer: Writer, readings: StoreReadings
) -> None:
    def heard(seconds: float) -> datetime | None:
        writer.commit([ArrivedPresence("entre-a", True)], NOW + timedelta(seconds=seconds))
        row = readings.station("entre-a", NOW)
        return row.heard if row else None

    assert heard(0) == NOW
    assert heard(0.9) == NOW
    assert heard(1.5) == NOW + timedelta(seconds=1.5)
    assert heard(-3600) == NOW - timedelta(hours=1)


def alarmed(database: Database) -> dict[str, tuple[str, int]]:
    with database.reading.begin() as connection:
        return {row.code: (row.argument, row.times) for row in connection.execute(select(alarms))}


def test_a_session_that_was_taken_over_often_is_told_and_what_the_broker_remembers_of_it_is_not(
    writer: Writer, database: Database
) -> None:
    writer.commit([ArrivedPresence("entre-a", True, taken_over=2)], NOW)
    writer.commit([ArrivedPresence("entre-a", False, taken_over=3)], NOW)
    writer.commit([ArrivedPresence("entre-a", True, replayed=True, taken_over=3)], NOW)
    assert alarmed(database) == {}
    writer.commit([ArrivedPresence("entre-a", True, taken_over=3)], NOW)
    assert alarmed(database) == {"duplicate_identity": ("again", 1)}


def test_an_answer_to_no_command_is_set_aside_and_each_alarm_of_its_batch_counts_once(
    writer: Writer, database: Database
) -> None:
    answer = CommandResult(7, "0" * 64, CommandOutcome.DONE)
    writer.commit([ArrivedPresence("entre-a", True, taken_over=3), ArrivedResult("entre-a", answer, b"{}")], NOW)
    assert alarmed(database) == {
        "duplicate_identity": ("again", 1),
        "quarantined": ("answers no command of this station", 1),
    }
    assert count(database, quarantine) == 1
