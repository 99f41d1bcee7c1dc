"""Commands to stations: one person orders, another agrees to what touches cards, each is signed once and answered once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from msgspec.structs import replace

from fleet.messages.commands import CommandResult, digest_of
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.commands.model import CommandRequest, CommandRow, Refusal, Requester
from fleet.server.commands.service import DECIDE, CommandService
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedResult
from fleet.server.ingest.write import Writer
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in.service import Access
from tests.fakes.server.commands import OLLE, OPEN, SIGNER, SYNC, TOVE, commands_of, ready
from tests.fleet.server.conftest import NOW, KeptChanges, MemoryTransport


@pytest.fixture
def desk(database: Database) -> CommandService:
    return commands_of(database, lambda: NOW)


def published(database: Database) -> list[bytes]:
    """What goes out now."""
    transport = MemoryTransport()
    CommandDispatcher(database, transport, SIGNER, KeptChanges(), lambda: NOW).step()
    return [payload for _, payload, _ in transport.published]


def sent(database: Database, desk: CommandService) -> tuple[CommandRow, CommandResult]:
    """A command that is out, and the answer that its station would give."""
    number = ready(desk).id
    (payload,) = published(database)
    row = desk.one(number)
    assert row is not None
    assert row.sequence is not None
    return row, CommandResult(row.sequence, digest_of(payload), CommandOutcome.DONE)


def audited_actions(database: Database) -> list[tuple[str, str]]:
    """What the audit tells, oldest first."""
    entries, _ = Access(database, lambda: NOW).entries()
    return [(one.who, one.action) for one in reversed(entries)]


def test_what_one_person_may_order_goes_out_at_once(database: Database, desk: CommandService) -> None:
    row = desk.ask(SYNC, TOVE)
    assert (row.state, row.decide_by, row.second) == ("ready", None, None)
    assert row.not_after == NOW + timedelta(minutes=15)
    assert len(published(database)) == 1
    known = desk.one(row.id)
    assert known is not None
    assert known.state == "sent"
    assert audited_actions(database) == [("tove.test", "command.ask"), ("server", "command.send")]


def test_what_touches_cards_waits_for_another_person(database: Database, desk: CommandService) -> None:
    row = desk.ask(OPEN, TOVE)
    assert (row.state, row.decide_by, row.sequence) == ("waiting", NOW + DECIDE, None)
    assert published(database) == []
    assert desk.approve(row.id, TOVE) == Refusal.SAME_PERSON
    assert desk.approve(row.id, Requester("token:pager", program=True)) == Refusal.NOT_A_PERSON
    agreed = desk.approve(row.id, OLLE)
    assert isinstance(agreed, CommandRow)
    assert (agreed.state, agreed.by, agreed.second) == ("ready", "tove.test", "olle.test")
    assert len(published(database)) == 1
    assert audited_actions(database) == [
        ("tove.test", "command.ask"), ("olle.test", "command.approve"), ("server", "command.send"),
    ]  # fmt: skip


def test_of_two_who_agree_at_once_one_is_the_second_person(database: Database, desk: CommandService) -> None:
    row = desk.ask(OPEN, TOVE)
    others = [Requester(f"person.{number}", stepped_up=True) for number in range(4)]
    with ThreadPoolExecutor(len(others)) as at_once:
        said = list(at_once.map(lambda by: desk.approve(row.id, by), others))
    assert sorted(str(one) for one in said if isinstance(one, Refusal)) == ["not_waiting"] * 3
    assert len(published(database)) == 1


def test_a_second_person_who_comes_late_changes_nothing(database: Database) -> None:
    asked = commands_of(database, lambda: NOW).ask(OPEN, TOVE)
    late = commands_of(database, lambda: NOW + DECIDE)
    assert late.approve(asked.id, OLLE) == Refusal.NOT_WAITING
    assert published(database) == []


def test_declined_or_withdrawn_it_is_over_and_has_used_up_no_sequence(database: Database, desk: CommandService) -> None:
    row = desk.ask(OPEN, TOVE)
    gone = desk.withdraw(row.id, OLLE)
    assert isinstance(gone, CommandRow)
    assert (gone.state, gone.ended_by, gone.sequence) == ("withdrawn", "olle.test", None)
    assert desk.approve(row.id, OLLE) == Refusal.NOT_WAITING
    assert desk.withdraw(row.id, TOVE) == Refusal.NOT_WAITING
    assert desk.withdraw(99, TOVE) == Refusal.UNKNOWN


def test_a_personal_number_does_not_travel_in_a_reason(desk: CommandService) -> None:
    assert (
        desk.ask(CommandRequest("entre-a", "restart", "19121212-1212 stands there"), TOVE).reason
        == "[number] stands there"
    )


def test_other_stations_are_out_of_sight_and_of_reach(desk: CommandService) -> None:
    row = desk.ask(OPEN, TOVE)
    mine = desk.within(frozenset({"akuten", "entre-b*"}))
    assert mine.listed() == ([], 0)
    assert mine.one(row.id) is None
    assert mine.approve(row.id, OLLE) == Refusal.UNKNOWN
    assert mine.withdraw(row.id, OLLE) == Refusal.UNKNOWN
    assert desk.within(frozenset({"entre-*"})).listed(states={"waiting"})[1] == 1


def test_an_answer_is_kept_once_with_what_was_found(database: Database, desk: CommandService, writer: Writer) -> None:
    row, done = sent(database, desk)
    found = DeviceState("Virtual reader", "reader", "ready", True, True)
    told = {"outcome": CommandOutcome.FAILED, "reason": "offline", "devices": (found,), "lines": ("a line",)}
    result = replace(done, **told)
    committed = writer.commit([ArrivedResult("entre-a", result, b"raw")], NOW)
    assert {"commands", "station/entre-a"} <= committed.topics
    kept = desk.one(row.id)
    assert kept is not None
    assert (kept.state, kept.result, kept.ended) == ("failed", "offline", NOW)
    assert (kept.devices, kept.lines) == ((found,), ("a line",))
    assert writer.commit([ArrivedResult("entre-a", result, b"raw")], NOW).quarantined == 0, (
        "told again it is nothing new"
    )
    assert audited_actions(database)[-1] == ("server", "command.failed")


@pytest.mark.parametrize(
    ("station", "facts"),
    [
        ("entre-b", {}),
        ("entre-a", {"sequence": 4}),
        ("entre-a", {"digest": "0" * 64}),
    ],
    ids=["another station's", "an unknown sequence", "other bytes than were sent"],
)
def test_an_answer_to_nothing_is_kept_aside_with_an_alarm(
    database: Database,
    desk: CommandService,
    writer: Writer,
    station: str,
    facts: dict[str, object],
) -> None:
    row, done = sent(database, desk)
    result = replace(done, **facts)
    committed = writer.commit([ArrivedResult(station, result, b"raw")], NOW)
    assert committed.quarantined == 1
    assert (station, "quarantined", "answers no command of this station") in StoreReadings(
        database, lambda: NOW
    ).summary(NOW).alarms
    kept = desk.one(row.id)
    assert kept is not None
    assert kept.state == "sent"


def test_a_second_answer_that_says_otherwise_changes_nothing(
    database: Database, desk: CommandService, writer: Writer
) -> None:
    row, first = sent(database, desk)
    other = replace(first, outcome=CommandOutcome.REFUSED, reason="busy")
    committed = writer.commit([ArrivedResult("entre-a", first, b"1"), ArrivedResult("entre-a", other, b"2")], NOW)
    assert committed.quarantined == 1
    kept = desk.one(row.id)
    assert kept is not None
    assert kept.state == "done"
