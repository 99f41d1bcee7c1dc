"""One station's junk fills no disk and holds nobody up: beyond a day's amount it waits at the station, with an alarm."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from fleet.messages.link import Acked
from fleet.messages.topics import Topics
from fleet.server.broker.transport import Incoming
from fleet.server.database.database import Database
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.ingest.parse import ArrivedState, UnreadableMessage
from fleet.server.ingest.requeue import requeue
from fleet.server.ingest.write import DAY_BYTES, Writer
from fleet.server.stations.alarms import SET_ASIDE_FULL
from fleet.server.stations.tables import alarms
from tests.fakes.server.ingesting import ingesting, message
from tests.fleet.server.conftest import NOW, SealingStation, arrived

LIMIT = 10_000
DAY = timedelta(days=1)


def junk(number: int, size: int = 1_000) -> UnreadableMessage:
    return UnreadableMessage("entre-a", (1, number), "events", f"{number:08d}".encode().ljust(size, b"x"), "no event")


def kept_bytes(database: Database) -> int:
    with database.reading.begin() as connection:
        sums = (select(func.coalesce(func.sum(func.length(table.c.raw)), 0)) for table in (quarantine, conflicts))
        return sum(int(connection.execute(one).scalar_one()) for one in sums)


def raised(database: Database) -> dict[str, str]:
    with database.reading.begin() as connection:
        return {row.code: row.argument for row in connection.execute(select(alarms)) if row.station == "entre-a"}


def test_the_amount_is_what_the_product_says() -> None:
    assert DAY_BYTES == 5_000_000


async def test_a_flood_of_junk_is_kept_up_to_the_amount_and_other_stations_go_on(database: Database) -> None:
    """A hundred times the amount, as 125 MB are of five."""
    mine, other = SealingStation("entre-a"), SealingStation("entre-b")
    async with ingesting(Writer(database, LIMIT)) as bench:
        for start in range(1, 1001, 250):
            flood = [
                Incoming(Topics("entre-a").events, f"{n}".encode().ljust(1_000, b"x"), (7, n))
                for n in range(start, start + 250)
            ]
            await bench.send(*flood[:125], message(mine.seal()), message(other.seal()), *flood[125:])
        for station in ("entre-a", "entre-b"):
            await bench.transport.told(station, Acked(1, 4))
    said = bench.transport.acked("entre-a")
    assert max(one.through for one in said if one.epoch == 7) == 10, "what waits is not said to be held"
    assert kept_bytes(database) == LIMIT
    assert raised(database)[SET_ASIDE_FULL] == "2026-06-01"


def test_what_waits_is_not_answered_so_that_it_does_not_come_again_at_once(database: Database) -> None:
    writer = Writer(database, LIMIT)
    assert writer.commit([junk(n) for n in range(1, 11)], NOW).acked[-1] == ("entre-a", Acked(1, 10))
    assert writer.commit([junk(11), junk(12)], NOW).acked == ()
    assert writer.commit([junk(3)], NOW).acked == (("entre-a", Acked(1, 10)),), "a repetition is told as ever"


def test_the_next_day_it_is_taken_and_a_restart_gives_no_more_room(database: Database) -> None:
    Writer(database, LIMIT).commit([junk(n) for n in range(1, 12)], NOW)
    assert kept_bytes(database) == LIMIT
    Writer(database, LIMIT).commit([junk(12)], NOW + timedelta(minutes=1))
    assert kept_bytes(database) == LIMIT
    committed = Writer(database, LIMIT).commit([junk(11)], NOW + DAY)
    assert (committed.acked, kept_bytes(database)) == ((("entre-a", Acked(1, 11)),), LIMIT + 1_000)


def test_a_message_that_is_bigger_than_what_is_left_waits_alone(database: Database) -> None:
    writer = Writer(database, LIMIT)
    writer.commit([junk(1, 9_500), junk(2, 1_000), junk(3, 400)], NOW)
    assert kept_bytes(database) == 9_900


def test_conflicts_count_too(database: Database) -> None:
    one = SealingStation()
    writer = Writer(database, LIMIT)
    writer.commit(arrived(one.seal()), NOW)
    for number in range(40):
        other = SealingStation()
        writer.commit(arrived(other.seal(content={"n": number, "fill": "x" * 500})), NOW)
    assert 0 < kept_bytes(database) <= LIMIT
    assert SET_ASIDE_FULL in raised(database)


@pytest.mark.parametrize("kind", ["state", "presence"])
def test_what_has_no_place_in_a_chain_is_bounded_too_and_states_that_can_be_read_are_shown(
    database: Database, kind: str
) -> None:
    writer = Writer(database, LIMIT)
    many = [UnreadableMessage("entre-a", None, kind, f"{n}".encode().ljust(900, b"x"), "no") for n in range(30)]
    writer.commit([*many, ArrivedState("entre-a", "{}")], NOW)
    assert kept_bytes(database) == 9_900


def test_what_is_taken_back_is_not_bounded(database: Database) -> None:
    station = SealingStation()
    told = arrived(*(station.seal(content={"fill": "x" * 900}) for _ in range(30)))
    spoilt = [UnreadableMessage("entre-a", one.key, "events", one.raw, "an older reader") for one in told]
    Writer(database).commit(spoilt, NOW)
    assert requeue(database, NOW).taken == 30
    with database.reading.begin() as connection:
        assert connection.execute(select(func.count()).select_from(events)).scalar_one() == 30
