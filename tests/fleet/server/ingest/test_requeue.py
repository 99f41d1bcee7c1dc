"""What was set aside for a reason that is gone comes back as if it had just come, and nothing else changes."""

import base64
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from fleet.messages.commands import CommandResult
from fleet.messages.link import Acked, encode
from fleet.messages.vocabulary import CommandOutcome
from fleet.server.audit_log import log as audit
from fleet.server.cli import main
from fleet.server.database.database import Database
from fleet.server.events.tables import chains, conflicts, events, quarantine
from fleet.server.ingest.parse import RESULT, Arrival, UnreadableMessage, unstorable
from fleet.server.ingest.rebuild import PROJECTED
from fleet.server.ingest.requeue import ERASED, OUTDATED, TOGETHER, dead_letters, requeue
from fleet.server.ingest.service import ROW_FAULTS
from fleet.server.ingest.write import Writer
from fleet.server.orders.tables import orders
from tests.fakes.server.databases import new_store
from tests.fakes.server.ingesting import ingesting, message
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record

LATER = NOW + timedelta(days=1)
STORED = ("station", "epoch", "sequence", "type", "envelope", "data", "salt", "errand")


def set_aside(*told: Arrival) -> list[Arrival]:
    """As a server set them aside whose store lacked a column, or whose reader was older."""
    return [unstorable(one, "ProgrammingError") for one in told]


def all_that_follows(database: Database) -> dict[str, set[tuple[object, ...]]]:
    """Events, chains and projections."""
    with database.reading.begin() as connection:
        rows = {
            table.name: {tuple(row) for row in connection.execute(select(table))}
            for table in (*PROJECTED, chains, orders)
        }
        kept = connection.execute(select(*(events.c[name] for name in STORED)))
        return rows | {"events": {tuple(row) for row in kept}}


def left(database: Database) -> dict[int, str]:
    """Reasons of what is set aside, by sequence."""
    with database.reading.begin() as connection:
        return {letter.sequence or 0: letter.reason for letter in dead_letters(connection)}


def count(database: Database, table: object) -> int:
    with database.reading.begin() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "which", [range(5), range(3, 5), range(1, 3), (0, 2, 4)], ids=["all", "last", "middle", "some"]
)
def test_what_was_set_aside_for_a_reason_that_is_gone_ends_as_if_it_had_never_been(
    database: Database, tmp_path: Path, which: range
) -> None:
    told = arrived(*SealingStation().pickup(errand="E-1"))
    spoilt = [*(set_aside(one)[0] if number in which else one for number, one in enumerate(told))]
    undisturbed = new_store(tmp_path / "undisturbed.sqlite")
    for one in (database, undisturbed):
        hold_orders(one, record())
    Writer(undisturbed).commit(told, NOW)
    Writer(database).commit(spoilt, NOW)
    assert all_that_follows(database) != all_that_follows(undisturbed)
    done = requeue(database, NOW)
    assert (done.taken, done.held, done.kept) == (len(which), 0, ())
    assert all_that_follows(database) == all_that_follows(undisturbed)
    assert left(database) == {}
    assert requeue(database, NOW).taken == 0, "again is no more"
    undisturbed.close()


def test_any_mixture_of_what_is_set_aside_comes_back_to_an_intact_chain(database: Database, tmp_path: Path) -> None:
    """Two stations, more than one transaction, in a random order, with what came after it in between."""
    chosen = random.Random(7)
    told = [*arrived(*SealingStation("entre-a").seals(TOGETHER + 20)), *arrived(*SealingStation("entre-b").pickup())]
    undisturbed = new_store(tmp_path / "undisturbed.sqlite")
    Writer(undisturbed).commit(told, NOW)
    spoilt = [set_aside(one)[0] if chosen.random() < 0.9 else one for one in told]
    chosen.shuffle(spoilt)
    Writer(database).commit(spoilt, NOW)
    requeue(database, NOW)
    assert all_that_follows(database)["chains"] == all_that_follows(undisturbed)["chains"]
    assert count(database, events) == len(told)
    undisturbed.close()


def test_what_still_cannot_be_read_stays_with_its_newest_reason_and_the_rest_comes_back(database: Database) -> None:
    one, _, three = arrived(*SealingStation().seals(3))
    junk = UnreadableMessage("entre-a", (1, 2), "events", b"{", "an older reader did not know why")
    Writer(database).commit([*set_aside(one), junk, *set_aside(three)], NOW)
    done = requeue(database, LATER)
    assert (done.taken, len(done.kept)) == (2, 1)
    assert left(database)[2] not in ("an older reader did not know why", "")
    with database.reading.begin() as connection:
        chain = connection.execute(select(chains)).one()
    assert (chain.highest, chain.gaps, chain.intact) == (3, "[]", True)


def test_what_the_store_refuses_again_stays_and_its_neighbours_come_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = arrived(*SealingStation().seals(3))
    Writer(database).commit(set_aside(*told), NOW)
    sound = Writer.take_back

    def refusing(self: Writer, arrivals: list[Arrival], *more: object) -> object:
        if told[1] in arrivals:
            raise ROW_FAULTS[2]("no such number")
        return sound(self, arrivals, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "take_back", refusing)
    assert requeue(database, LATER).kept == ((2, "cannot be stored: ValueError"),)
    assert left(database) == {2: "cannot be stored: ValueError"}
    assert count(database, events) == 2


def test_an_event_that_came_again_meanwhile_is_held_once_and_other_bytes_are_a_conflict(database: Database) -> None:
    """Of what came without a place nobody knew that it is held."""
    one, two = SealingStation().seals(2)
    other = SealingStation()
    other.seal()
    forged = other.seal(content={"other": True})
    keyless = [UnreadableMessage("entre-a", None, "events", raw, "old reader") for raw in (one.wire, forged.wire)]
    Writer(database).commit([*arrived(one, two), *keyless], NOW)
    done = requeue(database, NOW)
    assert (done.taken, done.held, done.kept) == (0, 2, ())
    assert (count(database, events), count(database, conflicts), count(database, quarantine)) == (2, 1, 0)


def test_a_state_an_erased_message_and_an_answer_to_nothing_stay(database: Database) -> None:
    state = b'{"title":"E","version":"1","boot_id":"b","time":"2026-06-01T10:00:00Z"}'
    answer = encode(CommandResult(7, "00", CommandOutcome.DONE))
    told = [
        UnreadableMessage("entre-a", None, kind, raw, "old")
        for kind, raw in (("presence", b'{"online":true,"bootid":""}'), (RESULT, answer), ("events", b"x"))
    ]
    Writer(database).commit([*told, UnreadableMessage("entre-a", None, "state", state, "old")], NOW)
    with database.writing.begin() as connection:
        connection.execute(update(quarantine).where(quarantine.c.kind == "events").values(raw=b""))
    reasons = [reason for _, reason in requeue(database, NOW).kept]
    assert len(reasons) == 4
    assert {OUTDATED, ERASED, "answers no command of this station"} <= set(reasons)
    assert count(database, quarantine) == 4


async def test_beside_a_running_server_the_command_lists_takes_back_and_tells_the_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = new_store(tmp_path / "fleet.sqlite")
    station = SealingStation()
    pickup = station.pickup(errand="E-1")
    async with ingesting(Writer(database)) as bench:
        Writer(database).commit(set_aside(*arrived(*pickup[:3])), NOW)
        await bench.send(*map(message, pickup[3:]))
        where = ["--data", str(tmp_path)]
        assert main(["quarantine", "list", *where]) == 0
        listed = capsys.readouterr().out
        assert (
            main(["quarantine", "list", *where, "--json", "--station", "entre-a", "--out", str(tmp_path / "out")]) == 0
        )
        rows = json.loads(capsys.readouterr().out)["messages"]
        assert main(["quarantine", "requeue", *where, "--id", str(rows[0]["id"])]) == 0
        assert "taken back 1" in capsys.readouterr().out
        await bench.send(message(station.seal()))
        assert main(["quarantine", "requeue", *where]) == 0
        await bench.transport.told("entre-a", Acked(1, 6))
    assert "ProgrammingError" in listed
    assert "9752269875" not in listed
    assert [(row["station"], row["epoch"], row["sequence"]) for row in rows] == [("entre-a", 1, n) for n in (1, 2, 3)]
    out = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [base64.b64decode(one["raw"]) for one in out] == [event.wire for event in pickup[:3]]
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    with database.reading.begin() as connection:
        told, _ = audit.entries(connection)
        assert audit.verify(connection).broken is None
        assert connection.execute(select(chains.c.intact)).scalar_one()
    assert [one.action for one in told] == ["quarantine.requeue"] * 2 + ["quarantine.read"]
    database.close()


def test_a_message_that_stays_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = new_store(tmp_path / "fleet.sqlite")
    Writer(database).commit([UnreadableMessage("entre-a", (1, 1), "events", b"{", "not an event")], NOW)
    database.close()
    assert main(["quarantine", "requeue", "--data", str(tmp_path), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["taken"], [one["id"] for one in said["kept"]]) == (False, 0, [1])
    assert main(["quarantine", "list", "--data", str(tmp_path / "mistyped")]) == 2
