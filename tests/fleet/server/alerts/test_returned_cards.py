"""A card that its holder gave back stays valid where the power went before its block: the server is the witness."""

import pytest

from fleet.messages.asking import BlockAsk
from fleet.messages.vocabulary import EventType
from fleet.server.alerts.queries import fleet_snapshot
from fleet.server.alerts.rules import ReturnedCard
from fleet.server.database.database import Database
from fleet.server.ingest.write import Writer
from fleet.server.issuers.model import RequestKey
from fleet.server.issuers.request_queue import enqueue
from fleet.server.orders.service import apply_step
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record

CARD = record().card_number


def give_back(database: Database, station: SealingStation, kind: str) -> None:
    """A card that its holder has had falls into the bin, and the station says no more."""
    hold_orders(database, record())
    with database.writing.begin() as connection:
        apply_step(connection, "O-1", "collected", NOW)
    about = {"errand": "e-1", "old_card": CARD}
    told = [
        station.seal(EventType.ERRAND_STARTED, {"errand": "e-1", "kind": kind}, time="2026-06-01T10:00:00Z"),
        station.seal(
            EventType.EFFECT_DONE, {**about, "effect": "drop.card", "outcome": "dropped"}, time="2026-06-01T10:00:00Z"
        ),
    ]
    Writer(database).commit(arrived(*told), NOW)


def open_returns(database: Database) -> tuple[ReturnedCard, ...]:
    with database.reading.begin() as connection:
        return fleet_snapshot(connection, NOW, NOW - NOW).returned


def test_a_return_that_ended_with_the_drop_is_seen(database: Database, station: SealingStation) -> None:
    give_back(database, station, "return_card")
    assert [(one.station, one.order, one.card_number) for one in open_returns(database)] == [("entre-a", "O-1", CARD)]


def test_a_block_that_was_asked_ends_it(database: Database, station: SealingStation) -> None:
    give_back(database, station, "return_card")
    ask = BlockAsk(id="1" * 32, card_number=CARD, reason="returned", wanted="2026-06-01T10:00:00Z")
    with database.writing.begin() as connection:
        enqueue(connection, RequestKey("entre-a", ask.id), ask, "entre-a", NOW)
    assert open_returns(database) == ()


@pytest.mark.parametrize("kind", ["pickup", "stock"])
def test_what_another_errand_puts_into_the_bin_is_not_meant(
    database: Database, station: SealingStation, kind: str
) -> None:
    give_back(database, station, kind)
    assert open_returns(database) == ()
