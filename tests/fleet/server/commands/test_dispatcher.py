"""What is issued goes out after its commit, again after a restart, and never once its time is over."""

from datetime import datetime, timedelta

import pytest
from joserfc import jws
from sqlalchemy import select

from fleet.messages.commands import COMMAND_TYP, Command, CommandResult, digest_of
from fleet.messages.link import decode
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.commands import queries as commanding
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.commands.model import CommandRequest, CommandRow
from fleet.server.commands.service import DECIDE
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence, ArrivedResult
from fleet.server.ingest.write import Writer
from fleet.server.stations.alarms import COMMAND_UNANSWERED
from fleet.server.stations.tables import alarms
from tests.fakes.server.commands import KEY, OPEN, SIGNER, SYNC, TOVE, commands_of, ready
from tests.fleet.server.conftest import NOW, KeptChanges, MemoryTransport


class Server:
    """Desk and service over one store; `again` is the same after a kill."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.database = database
        self.changes = KeptChanges()
        self.desk = commands_of(database, self.clock)
        self.again()

    def clock(self) -> datetime:
        return self.now

    def again(self) -> None:
        self.transport = MemoryTransport()
        self.service = CommandDispatcher(self.database, self.transport, SIGNER, self.changes, self.clock)

    def row(self, number: int) -> CommandRow:
        row = self.desk.one(number)
        assert row is not None
        return row

    def state(self, number: int) -> str:
        return self.row(number).state

    def alarms(self) -> list[tuple[str, str, str, int]]:
        with self.database.reading.begin() as connection:
            rows = connection.execute(select(alarms))
            return [(row.station, row.code, row.argument, row.times) for row in rows]

    def answer(self, number: int, payload: bytes) -> ArrivedResult:
        """The station did it."""
        return ArrivedResult(
            "entre-a", CommandResult(self.row(number).sequence or 0, digest_of(payload), CommandOutcome.DONE), b"raw"
        )


@pytest.fixture
def server(database: Database) -> Server:
    return Server(database)


def test_it_goes_out_once_with_its_time(server: Server) -> None:
    row = ready(server.desk)
    server.now += timedelta(seconds=0.4)
    server.service.step()
    server.service.step()
    ((topic, payload, _),) = server.transport.published
    assert (topic, payload.count(b".")) == (Topics("entre-a").commands, 2)
    assert server.transport.expiries == [900], "the broker drops it when it is good no more"
    assert server.state(row.id) == "sent"
    assert {"commands", "station/entre-a"} <= server.changes.topics


def test_it_is_signed_with_all_that_was_said_and_by_whom(server: Server) -> None:
    ready(server.desk, OPEN)
    server.service.step()
    ((_, payload, _),) = server.transport.published
    signed = jws.deserialize_compact(payload, KEY, algorithms=["ES256"])
    assert signed.protected["typ"] == COMMAND_TYP
    command = decode(Command, signed.payload)
    assert (command.station, command.command, command.slot) == ("entre-a", "open_slot", 3)
    assert (command.by, command.second, command.reason) == ("tove.test", "olle.test", "the card lies across")
    assert (command.issued, command.not_after) == ("2026-06-01T10:00:00Z", "2026-06-01T10:15:00Z")


def test_one_that_no_station_would_take_does_not_stop_the_others(server: Server) -> None:
    bad, good = ready(server.desk), ready(server.desk)
    with server.database.writing.begin() as connection:
        commanding.set_state(connection, bad.id, "ready", reason=" ")
    server.service.step()
    assert len(server.transport.published) == 1
    assert (server.state(bad.id), server.row(bad.id).result, server.state(good.id)) == ("failed", "fault", "sent")


def test_sequences_grow_for_each_station_also_over_a_restored_copy(server: Server) -> None:
    def sequence(wish: CommandRequest = SYNC) -> int | None:
        number = server.desk.ask(wish, TOVE).id
        server.service.step()
        return server.row(number).sequence

    start = int(NOW.timestamp())
    assert [sequence(), sequence(), sequence(CommandRequest("entre-b", "sync", "orders have come"))] == [
        start,
        start + 1,
        start,
    ]
    server.now += timedelta(hours=1)
    assert sequence() == start + 3600
    server.now -= timedelta(days=1)
    assert sequence() == start + 3601, "a clock that was set back uses no sequence twice"


def dies(*said: object, **more: object) -> None:
    raise RuntimeError("made-up fault")


def test_killed_between_commit_and_publish_it_goes_out_after_the_restart(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ready(server.desk)
    monkeypatch.setattr(server.transport, "publish", dies)
    with pytest.raises(RuntimeError, match="made-up"):
        server.service.step()
    assert server.row(row.id).sequence is not None, "it is issued"
    server.again()
    server.service.step()
    assert [topic for topic, _, _ in server.transport.published] == [Topics("entre-a").commands]
    assert server.state(row.id) == "sent"


def test_killed_between_publish_and_its_note_it_goes_out_as_the_same_bytes_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(server.desk)
    with monkeypatch.context() as killed:
        killed.setattr(server.service, "_write", lambda *_: None)
        server.service.step()
    first = server.transport.published
    server.again()
    server.service.step()
    assert server.transport.published == first


def test_unanswered_it_is_published_again_by_the_next_run_and_answered_it_is_not(
    server: Server, writer: Writer
) -> None:
    row = ready(server.desk)
    server.service.step()
    ((_, payload, _),) = server.transport.published
    server.again()
    server.service.step()
    assert [sent for _, sent, _ in server.transport.published] == [payload]
    writer.commit([server.answer(row.id, payload)], NOW)
    server.again()
    server.service.step()
    assert server.transport.published == []


def test_what_the_broker_lost_is_published_again_while_its_station_is_online(server: Server, writer: Writer) -> None:
    """A broker that was killed has forgotten what it had taken: the server is still connected, and nothing tells it."""
    row = ready(server.desk)
    server.service.step()
    ((_, payload, _),) = server.transport.published

    def published_by(seconds: float) -> int:
        server.now = NOW + timedelta(seconds=seconds)
        server.service.step()
        return len(server.transport.published)

    assert published_by(60) == 1, "it waits at the broker for a station that is away"
    writer.commit([ArrivedPresence("entre-a", online=True)], NOW)
    assert [published_by(seconds) for seconds in (60, 79, 80, 119, 120)] == [2, 2, 3, 3, 4]
    assert {sent for _, sent, _ in server.transport.published} == {payload}
    writer.commit([server.answer(row.id, payload)], NOW)
    assert published_by(1000) == 4


def test_what_nobody_agreed_to_or_nobody_answered_runs_out(server: Server) -> None:
    waiting, sent = server.desk.ask(OPEN, TOVE), server.desk.ask(SYNC, TOVE)
    server.service.step()
    server.now = NOW + DECIDE - timedelta(seconds=1)
    server.service.step()
    assert (server.state(waiting.id), server.state(sent.id)) == ("waiting", "sent")
    server.now = NOW + DECIDE
    server.service.step()
    assert (server.state(waiting.id), server.state(sent.id)) == ("expired", "expired")
    assert len(server.transport.published) == 1
    assert server.alarms() == [("entre-a", COMMAND_UNANSWERED, f"sync #{sent.id}", 1)], (
        "nobody waits for what none agreed to"
    )
    server.service.step()
    assert len(server.alarms()) == 1


def test_a_late_answer_stands_above_running_out(server: Server, writer: Writer) -> None:
    row = ready(server.desk)
    server.service.step()
    ((_, payload, _),) = server.transport.published
    server.now += timedelta(hours=1)
    server.service.step()
    assert server.state(row.id) == "expired"
    writer.commit([server.answer(row.id, payload)], server.now)
    assert server.state(row.id) == "done"
