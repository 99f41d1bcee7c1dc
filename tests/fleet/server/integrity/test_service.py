"""The check over one store as time goes by: on both databases, since the last time, of one station, and by the program."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from fleet.messages.events import Facts, seal
from fleet.messages.vocabulary import EventType
from fleet.server.cards.stock.tables import bins
from fleet.server.cli import main
from fleet.server.database.database import Database
from fleet.server.database.schema import metadata
from fleet.server.errands.tables import errands
from fleet.server.events.tables import chains, events
from fleet.server.ingest.rebuild import rebuild
from fleet.server.ingest.write import Writer
from fleet.server.integrity.service import check_store, watermarks_since
from fleet.server.stations.tables import alarms
from tests.fakes.server.planted_faults import READ_MODELS
from tests.fleet.server.conftest import NOW, SealingStation, arrived
from tests.fleet.server.evidence.conftest import Fleet
from tests.fleet.server.integrity.conftest import YEAR, aged_store


def everything(store: Database) -> dict[str, list[tuple[object, ...]]]:
    with store.reading.begin() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def test_either_database_is_checked_alike_and_left_as_it_was(either: Database, fleet: Fleet, tmp_path: Path) -> None:
    aged_store(either, fleet, tmp_path / "erasures.jsonl")
    before = everything(either)
    assert check_store(either).differences == []
    assert everything(either) == before
    with either.writing.begin() as connection:
        connection.execute(update(bins).values(counted=7))
        connection.execute(delete(errands).where(errands.c.errand == "errand-9"))
        connection.execute(update(events).where(events.c.type == EventType.CARD_ACTIVATED).values(data=None))
    found = [str(one) for one in check_store(either).differences]
    assert found[:3] == [
        f"{place}: its content is gone, and nothing says that it was erased"
        for place in ("entre-a: events 1:5", "entre-a: events 1:11", "entre-a: events 1:25")
    ]
    assert "entre-a: bins: counted is '7', should be '1'" in found
    assert "entre-b: errands errand-9: is not there" in found


def test_what_came_since_is_looked_at_and_the_rest_left(store: Database) -> None:
    whole = check_store(store)
    again = check_store(store, whole.watermarks)
    assert (again.whole, again.events, again.count) == (False, 1, 0), "place 7 of entre-b lies behind a gap"
    assert again.watermarks == whole.watermarks
    with store.writing.begin() as connection:
        connection.execute(update(events).where(events.c.sequence == 4).values(salt="z"))
    assert check_store(store, whole.watermarks).count == 0, "it lies before what was seen"
    with store.reading.begin() as connection:
        watermarks = watermarks_since(connection, NOW + timedelta(days=1))
    assert {watermark.through for watermark in watermarks.values()} == {22, 5, 7}
    later = check_store(store, watermarks)
    assert (later.events, later.differences) == (6, [])
    found = [one.fault for one in check_store(store).differences]
    assert found.count("altered") == 3


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE errands SET outcome = 'failed' WHERE errand = 'errand-5'", "outcome is 'failed', should be 'done'"),
        ("DELETE FROM receipts WHERE number = 'R-O-5'", "receipts R-O-5: is not there"),
        (
            "UPDATE checkpoints SET verdict = 'other_key' WHERE sequence = 28",
            "verdict is 'other_key', should be 'good'",
        ),
        ("UPDATE events SET data = NULL WHERE sequence = 25", "events 1:25: its content is gone"),
        ("DELETE FROM events WHERE sequence = 26", "events 1:26: is not there"),
        ("UPDATE events SET errand = NULL WHERE sequence = 27", "errand is None, should be 'errand-5'"),
    ],
)
def test_a_fault_in_what_came_since_is_found(store: Database, statement: str, said: str) -> None:
    with store.reading.begin() as connection:
        watermarks = watermarks_since(connection, NOW + YEAR)
    with store.writing.begin() as connection:
        connection.execute(text(statement))
    found = "\n".join(map(str, check_store(store, watermarks).differences))
    assert said in found


def test_a_link_that_was_broken_when_it_came_is_counted_and_no_difference(store: Database) -> None:
    broken = SealingStation("entre-c")
    broken.seals(2)
    stranger = seal(Facts("entre-c", 1, 3, "boot-1", "se.kortkiosk.test", "2026-06-01T09:59:00Z", prev="f" * 64), {})
    Writer(store).commit(arrived(*broken.sealed, stranger), NOW)
    check = check_store(store)
    assert (check.count, check.known_breaks) == (0, 1)
    with store.writing.begin() as connection:
        connection.execute(delete(alarms).where(alarms.c.station == "entre-c"))
    assert [str(one) for one in check_store(store).differences] == [
        "entre-c: events 1:2-3: the chain is broken here"
    ], "nobody was told of it"


def test_a_rebuild_mends_what_follows_from_events(store: Database) -> None:
    with store.writing.begin() as connection:
        for fault in READ_MODELS[::3]:
            fault.plant(connection)
        connection.execute(update(chains).values(head="0" * 64))
    assert check_store(store).count >= len(READ_MODELS[::3]) + 3
    rebuild(store)
    assert check_store(store).differences == []


def test_only_one_station_is_told_of_where_it_was_asked_for(store: Database) -> None:
    with store.writing.begin() as connection:
        connection.execute(delete(errands))
        connection.execute(update(chains).values(highest=99))
    check = check_store(store, stations={"entre-b"})
    assert (check.chains, {one.station for one in check.differences}) == (2, {"entre-b"})


def said(capsys: pytest.CaptureFixture[str], store: Database, *words: str) -> tuple[int, str]:
    store.close()
    folder = Path(str(store.reading.url.database)).parent
    code = main(["verify-store", "--data", str(folder), *words])
    printed = capsys.readouterr()
    return code, printed.out or printed.err


def test_the_program_says_what_it_found_by_its_exit_code_too(
    store: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    right = "the store holds what its chains say: {} events in 3 chains, 7 entries of the audit\n"
    assert said(capsys, store) == (0, right.format(38))
    assert said(capsys, store, "--full") == (0, right.format(38))
    assert said(capsys, store, "--since", "2027-07-07") == (0, right.format(6))
    assert said(capsys, store, "--since", "last") == (0, right.format(38)), "no nightly check has been yet"
    with store.writing.begin() as connection:
        connection.execute(update(bins).values(counted=7))
    code, text_ = said(capsys, store)
    assert (code, text_.splitlines()[0]) == (3, "entre-a: bins: counted is '7', should be '1'")
    code, object_ = said(capsys, store, "--json")
    told = json.loads(object_)
    assert (code, told["ok"], told["whole"], told["count"], told["events"], told["chains"]) == (
        3,
        False,
        True,
        1,
        38,
        3,
    )
    difference = {"fault": "differs", "station": "entre-a", "table": "bins", "key": "", "column": "counted"}
    assert told["differences"] == [{**difference, "stored": "7", "expected": "1"}]
    assert said(capsys, store, "--station", "entre-b")[0] == 0


def test_what_cannot_be_checked_is_refused_and_not_changed(
    store: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify-store", "--data", str(tmp_path / "mistyped")]) == 2
    assert not (tmp_path / "mistyped").exists()
    with store.writing.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0019'"))
    capsys.readouterr()
    code, why = said(capsys, store)
    assert code == 1
    assert "it is at revision 0019" in why
    with store.reading.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0019"
    for words in (["--since", "soon"], ["--since", "last", "--full"]):
        with pytest.raises(SystemExit) as ended:
            main(["verify-store", "--data", str(tmp_path), *words])
        assert ended.value.code == 2
