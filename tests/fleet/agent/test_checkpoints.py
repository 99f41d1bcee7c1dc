"""A station signs how far its chain has come: in time, never twice for nothing, and so that anyone can check it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from fleet.agent import checkpoints, outbox
from fleet.agent.checkpoints import Checkpoints
from fleet.agent.outbox import START, EventChain
from fleet.messages.checkpoints import EVERY_EVENTS, TYP, read_checkpoint
from fleet.messages.events import Event
from fleet.messages.statements import StatementError, fault_of, name_of, verify_statement
from fleet.messages.vocabulary import EventType
from provisioning import pki

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
CHAIN = EventChain("entre-a", epoch=1, bootid="boot-1")
CA = pki.make_ca(NOW)
KEY = pki.new_key()
CERTIFICATE = pki.issue_client(CA, "entre-a", KEY.public_key(), NOW)


@pytest.fixture
def cx() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(outbox.SCHEMA + checkpoints.SCHEMA)
        yield connection


@pytest.fixture
def signing() -> Checkpoints:
    return Checkpoints(KEY, CERTIFICATE, CHAIN)


def told(cx: sqlite3.Connection, signing: Checkpoints, time: str, chain: EventChain = CHAIN) -> bool:
    """One event, and whether a checkpoint followed it."""
    outbox.append(cx, chain, "se.kortkiosk.test", time, None, {})
    return signing.follow(cx, time)


def chain_of(cx: sqlite3.Connection) -> list[Event]:
    return outbox.pending_events(cx, "entre-a", START, 10_000)


def test_the_first_event_of_a_chain_is_signed_for_and_then_every_hundredth(
    cx: sqlite3.Connection, signing: Checkpoints
) -> None:
    signed = [told(cx, signing, "2026-06-01T08:00:00Z") for _ in range(2 * EVERY_EVENTS + 1)]
    assert [number for number, made in enumerate(signed) if made] == [0, EVERY_EVENTS, 2 * EVERY_EVENTS]
    made = [event for event in chain_of(cx) if event.type == EventType.CHAIN_CHECKPOINT]
    assert [event.sequence for event in made] == [2, EVERY_EVENTS + 3, 2 * EVERY_EVENTS + 4]


def test_a_checkpoint_states_the_event_before_it_and_anyone_can_check_whose_it_is(
    cx: sqlite3.Connection, signing: Checkpoints
) -> None:
    told(cx, signing, "2026-06-01T08:00:00Z")
    first, event = chain_of(cx)
    statement = verify_statement(event.content()["jws"], TYP)
    said = read_checkpoint(statement.payload)
    assert (said.station, said.epoch, said.sequence, said.hash) == ("entre-a", 1, 1, first.hash)
    assert said.hash == event.prev
    assert name_of(statement.certificate) == "entre-a"
    assert fault_of(statement.certificate, CA.certificate, said.at) is None
    other = pki.make_ca(NOW).certificate
    assert fault_of(statement.certificate, other, said.at) is not None
    assert fault_of(statement.certificate, CA.certificate, datetime(2036, 1, 1, tzinfo=UTC)) is not None


def test_a_quiet_station_signs_once_a_day_and_not_where_nothing_was_added(
    cx: sqlite3.Connection, signing: Checkpoints
) -> None:
    told(cx, signing, "2026-06-01T08:00:00Z")
    assert not signing.follow(cx, "2026-06-03T08:00:00Z"), "nothing was added"
    assert not told(cx, signing, "2026-06-01T20:00:00Z")
    assert not signing.follow(cx, "2026-06-02T07:59:59Z")
    assert signing.follow(cx, "2026-06-02T08:00:00Z")
    assert not signing.follow(cx, "2026-06-04T08:00:00Z")


def test_a_clock_that_jumps_back_stops_no_checkpoint(cx: sqlite3.Connection, signing: Checkpoints) -> None:
    told(cx, signing, "2036-06-01T08:00:00Z")
    assert told(cx, signing, "2026-06-01T08:00:00Z")


def test_a_new_epoch_begins_with_a_checkpoint_of_its_own(cx: sqlite3.Connection, signing: Checkpoints) -> None:
    told(cx, signing, "2026-06-01T08:00:00Z")
    second = EventChain("entre-a", epoch=2, bootid="boot-2")
    assert told(cx, Checkpoints(KEY, CERTIFICATE, second), "2026-06-01T08:00:00Z", second)


def test_no_byte_of_a_statement_can_change_unseen(cx: sqlite3.Connection, signing: Checkpoints) -> None:
    told(cx, signing, "2026-06-01T08:00:00Z")
    text: str = chain_of(cx)[1].content()["jws"]
    for place in range(len(text)):
        for other in {"A", "Q", "="} - {text[place]}:
            with pytest.raises(StatementError):
                verify_statement(text[:place] + other + text[place + 1 :], TYP)
    with pytest.raises(StatementError):
        verify_statement(text, "another+jws")


@pytest.mark.parametrize(
    "text", ["", "a.b", "e30.e30.AA", "e30..AA", "e30=.e30.AA", "." * 20, "e30.e30." + "A" * 20_000]
)
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(StatementError):
        verify_statement(text, TYP)
