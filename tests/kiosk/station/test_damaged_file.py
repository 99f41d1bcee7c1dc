"""A station whose file was damaged: it says so, goes on with what is whole, and has a way out."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drivers.reader.outcomes import Accepted
from fleet.agent import outbox
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType
from kiosk.cli import Exit, main
from kiosk.config import Config
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended
from kiosk.station.build import open_station
from kiosk.station.file_check import FileFindings, check_file
from kiosk.station.station import Station
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import DemoRegion
from sim.stories.patience import LIMIT_S
from tests.fakes.station.visitor import Visitor, in_region

PICKUP = ERRANDS[0]


def problems(station: Station) -> dict[str, str]:
    return {one.code: one.text for one in station.problems}


def damage(data: Path, *statements: str) -> None:
    """Change what lies in the file past every rule of the station."""
    with closing(sqlite3.connect(data / "station.sqlite", isolation_level=None)) as cx:
        cx.execute("PRAGMA ignore_check_constraints = ON")
        cx.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            cx.execute(statement)


async def started(config: Config, base: Path, world: VirtualBench, times: int = 1) -> None:
    for _ in range(times):
        async with open_station(config, base, Visitor(), virtual=world):
            pass


async def becomes(station: Station, holds: Callable[[Station], bool]) -> None:
    """Wait for what is found in the background."""
    async with asyncio.timeout(LIMIT_S):
        while not holds(station):  # noqa: ASYNC110  # a thread: no event
            await asyncio.sleep(0.01)


async def told(station: Station, kind: EventType) -> list[dict[str, object]]:
    assert station.records is not None
    events = await station.records.latest_events(100)
    return [event.content() for event in events if event.type == kind]


async def test_damaged_events_that_the_server_holds_already_are_found_and_told_once(
    region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    await started(config, base, world, 3)
    damage(
        tmp_path / "data",
        "UPDATE outbox SET acked_at = 1e10",
        "UPDATE outbox SET data = CAST(replace(data, 'version', 'Version') AS BLOB) WHERE sequence = 1",
        "DELETE FROM outbox WHERE sequence = 3",
    )
    for _ in range(2):
        async with open_station(config, base, Visitor(), virtual=world) as station:
            await becomes(station, lambda at: "events" in problems(at))
            assert "2 events" in problems(station)["events"]
            assert station.missing(PICKUP) is None, "the errands go on"
    async with open_station(config, base, Visitor(), virtual=world) as station:
        await becomes(station, lambda at: "events" in problems(at))
        epoch = station.records.file.chain.epoch if station.records else 0
        found = await told(station, EventType.EVENTS_DAMAGED)
        assert found == [{"count": 2, "first": f"{epoch}:1", "indexes": False}]


async def test_an_index_that_does_not_fit_is_made_anew(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> None:
    config, base = in_region(region, tmp_path / "data")
    await started(config, base, world, 2)
    with closing(sqlite3.connect(tmp_path / "data" / "station.sqlite", isolation_level=None)) as cx:
        sql = cx.execute("SELECT sql FROM sqlite_schema WHERE name = 'outbox_pending'").fetchone()[0]
        cx.execute("PRAGMA writable_schema = ON")
        cx.execute("DELETE FROM outbox WHERE acked_at IS NOT NULL")
        # A page of the index that was never written: it does not know of the last events.
        cx.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'acked_at IS NULL', 'acked_at = 1') WHERE name = 'outbox_pending'"
        )
    with closing(sqlite3.connect(tmp_path / "data" / "station.sqlite", isolation_level=None)) as cx:
        cx.execute("REINDEX outbox_pending")
        cx.execute("PRAGMA writable_schema = ON")
        cx.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'outbox_pending'", (sql,))
    async with open_station(config, base, Visitor(), virtual=world) as station:
        async with asyncio.timeout(LIMIT_S):
            while not await told(station, EventType.EVENTS_DAMAGED):  # noqa: ASYNC110  # a thread: no event
                await asyncio.sleep(0.01)
        assert [one["indexes"] for one in await told(station, EventType.EVENTS_DAMAGED)] == [True]
        assert "store_damaged" not in problems(station)
        assert station.records is not None
        assert await station.records.depth() >= 4
    with closing(sqlite3.connect(tmp_path / "data" / "station.sqlite")) as cx:
        assert cx.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE effect SET outcome = 'bccepted'",
        "UPDATE effect SET outcome = NULL",
        "UPDATE errand SET outcome = 'donf'",
        "DELETE FROM effect",
    ],
)
async def test_a_row_that_says_otherwise_than_its_event_is_damage(
    statement: str, region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    async def changed() -> Accepted:
        return Accepted()

    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert station.records is not None
        for _ in range(2):
            log = await station.records.journal.start("change_pin")
            await log.effect(Effect.CARD_CHANGE, changed())
            await log.end(Ended(ErrandOutcome.DONE))
    await started(config, base, world, 2)
    assert check_file(tmp_path / "data" / "station.sqlite", station.records.file.chain.station) == FileFindings()
    damage(tmp_path / "data", f"{statement} WHERE rowid = 1")
    async with open_station(config, base, Visitor(), virtual=world) as station:
        await becomes(station, lambda at: "store_damaged" in problems(at))
        assert station.missing(PICKUP) == "store"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outbox_head SET sequence = sequence - 1",
        "UPDATE outbox_head SET sequence = sequence + 4096",
        "UPDATE outbox_head SET hash = replace(hash, substr(hash, 9, 1), 'x')",
        "DELETE FROM outbox_head",
        "UPDATE outbox SET sequence = sequence + 4096 WHERE sequence = 3",
    ],
)
async def test_where_the_end_of_the_chain_cannot_be_believed_no_number_is_given_twice(
    statement: str, region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    await started(config, base, world, 3)
    with closing(sqlite3.connect(tmp_path / "data" / "station.sqlite")) as cx:
        before = cx.execute("SELECT epoch, sequence FROM outbox").fetchall()
    damage(tmp_path / "data", statement)
    async with open_station(config, base, Visitor(), virtual=world) as station:
        (begun,) = await told(station, EventType.CHAIN_BEGUN)
        assert begun["why"] == "head_damaged"
        assert station.records is not None
        file = station.records.file
        kept = await file.store.transact(lambda cx: outbox.kept_events(cx, file.chain.station))
        assert len({(event.epoch, event.sequence) for event in kept}) == len(kept)
        new = [(event.epoch, event.sequence) for event in kept if event.epoch > file.chain.epoch]
        assert not set(new) & set(before)
        assert "store_damaged" not in problems(station)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO effect VALUES (1, 'e', NULL, 'card.change', '{', 'x', NULL, NULL)",
        "UPDATE region SET issued = 'yesterday'",
        "UPDATE sqlite_schema SET sql = replace(sql, 'CREATE TABLE errand', 'CREATE TABLE errend') WHERE name = 'errand'",
        "UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'effect'",
    ],
)
async def test_whatever_the_file_holds_the_station_comes_up_and_names_it(
    statement: str, region: DemoRegion, world: VirtualBench, tmp_path: Path
) -> None:
    config, base = in_region(region, tmp_path / "data")
    await started(config, base, world)
    damage(
        tmp_path / "data",
        "INSERT INTO errand (id, kind, started) VALUES ('e', 'change_pin', '2026-01-01T08:00:00Z')",
        "INSERT INTO region VALUES (1, 'set', '2026-01-01T08:00:00Z', x'5b5d')",
        statement,
    )
    async with open_station(config, base, Visitor(), virtual=world) as station:
        assert "store_damaged" in problems(station)
        assert station.missing(PICKUP) == "store"


def station_toml(region: DemoRegion, data: Path) -> Path:
    """A configuration without devices, for the programs at a desk."""
    config, base = in_region(region, data)
    path = data.parent / "station.toml"
    lines = [
        f'identity = "{base / config.station.identity}"',
        f'data = "{data}"',
        f'region = "{config.station.region}"',
    ]
    path.write_text("[station]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_damaged_file_is_set_aside_by_command_and_the_station_begins_anew(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    toml = station_toml(region, data)
    config, base = in_region(region, data)
    asyncio.run(started(config, base, world, 2))
    assert main(["store", "check", "--config", str(toml)]) == Exit.DONE
    assert main(["store", "set-aside", "--config", str(toml)]) == Exit.REFUSED
    damage(data, "UPDATE sqlite_schema SET rootpage = 9999 WHERE name = 'effect'")
    (data / "tries.json").write_text("damaged")
    evidence = (data / "station.sqlite").read_bytes()
    capsys.readouterr()
    assert main(["store", "check", "--config", str(toml), "--json"]) == Exit.FAULT
    assert "is damaged" in json.loads(capsys.readouterr().out)["problem"]
    assert main(["store", "set-aside", "--config", str(toml), "--json"]) == Exit.DONE
    folder = Path(json.loads(capsys.readouterr().out)["set_aside"])
    assert (folder / "station.sqlite").read_bytes() == evidence
    assert (folder / "tries.json").read_text() == "damaged"
    asyncio.run(started(config, base, world))
    assert main(["store", "check", "--config", str(toml)]) == Exit.DONE


async def test_a_file_in_use_is_not_looked_at(
    region: DemoRegion, world: VirtualBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = station_toml(region, tmp_path / "data")
    config, base = in_region(region, tmp_path / "data")
    async with open_station(config, base, Visitor(), virtual=world):
        assert await asyncio.to_thread(main, ["store", "set-aside", "--config", str(toml)]) == Exit.REFUSED
    assert "another program runs" in capsys.readouterr().err
