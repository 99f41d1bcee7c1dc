"""A store that has lived: two stations, old epochs, a message set aside, a gap, a card in a bin, erasures, an audit; its keys."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fleet.messages.vocabulary import EventType
from fleet.server.audit_log import log as audit
from fleet.server.audit_log.log import AuditEvent
from fleet.server.checkpoints.countersigning import Countersigner
from fleet.server.checkpoints.service import judge
from fleet.server.database.database import Database
from fleet.server.ingest.parse import UnreadableMessage
from fleet.server.ingest.write import Writer
from fleet.server.orders.service import apply_step
from fleet.server.retention.person_erasure import PersonErased, erase_person
from fleet.server.retention.retention_run import run
from tests.fakes.server.databases import either, new_store, on_postgres
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record
from tests.fleet.server.evidence.conftest import Fleet, SigningStation, a_week, fleet
from tests.fleet.server.retention.conftest import OTHER, OTHER_CARD, changed_code, job

__all__ = ["either", "fleet", "on_postgres"]

CARD = "9752269875"
YEAR = timedelta(days=401)
"""After it what is no hand-over has gone."""


def stocked(station: SigningStation) -> None:
    """The card of the first pick-up comes back and falls; the bin is emptied; a reserve card and an order's lie in slots."""
    about = {"errand": "return-1", "effect": "drop.card", "outcome": "dropped", "old_card": CARD}
    station.seal(EventType.EFFECT_DONE, about, time="2026-06-01T09:59:10Z")
    emptied = {"by": "TEST000000-A001", "second": "TEST000000-A002", "counted": 1, "expected": 1, "seal": "S-1"}
    station.seal(EventType.BIN_EMPTIED, {"errand": "empty-1", **emptied}, time="2026-06-01T09:59:20Z")
    reserve = {"errand": "stock-1", "card_number": "9752269877", "slot": 9, "by": "TEST000000-A001"}
    station.seal(EventType.CARD_STORED, reserve)
    station.seal(EventType.CARD_STORED, {**reserve, "errand": "stock-2", "slot": 4, "order": "O-3"})
    station.sign()


def aged_store(database: Database, fleet: Fleet, book: Path) -> SigningStation:
    """Fill the store as years would. Gives the first station: its chain has 23 events and more a year later."""
    first, second = fleet.station(), fleet.station("entre-b")
    hold_orders(database, record("O-1"), record("O-2", slot=5, card_number="9752269876"))
    hold_orders(
        database, record("O-3", slot=0, card_number="9752269878"), record("O-4", slot=7, card_number="975226987X")
    )
    a_week(first)
    stocked(first)
    changed_code(first)
    old, anew = SealingStation("entre-b", 1), second
    old.pickup("O-9", errand="errand-9", card="9752269871")
    second.epoch = 2
    changed_code(second, "change-2", OTHER, OTHER_CARD)
    second.sign()
    second.seals(4)
    _take(database, first, old, anew)
    judge(database, fleet.seal.authorities, NOW, Countersigner(fleet.seal))
    with database.writing.begin() as connection:
        apply_step(connection, "O-4", "cancelled", NOW)
        for target in ("errand-1", "O-1"):
            audit.append(connection, NOW, "tove", "192.0.2.1", AuditEvent("people.errand", target))
    assert erase_person(job(database, NOW + timedelta(days=40)), OTHER, book) == PersonErased(2, 0)
    assert run(job(database, NOW + YEAR))["errands"] == 2
    first.pickup("O-5", card="9752269872", errand="errand-5")
    first.sign()
    Writer(database).commit(arrived(*first.sealed[-6:]), NOW + YEAR)
    judge(database, fleet.seal.authorities, NOW + YEAR, Countersigner(fleet.seal))
    return first


def _take(database: Database, first: SigningStation, old: SealingStation, anew: SigningStation) -> None:
    """Not in order, some twice; of the second station one message is spoilt and one never comes."""
    told = first.sealed
    for batch in (told[:4], told[10:], told[2:11], told[-3:], old.sealed):
        Writer(database).commit(arrived(*batch), NOW)
    spoilt = UnreadableMessage("entre-b", (2, 5), "events", b"{", "not an event")
    kept = [event for event in anew.sealed if event.sequence not in (5, 6)]
    Writer(database).commit([*arrived(*kept), spoilt], NOW)
    Writer(database).commit([spoilt], NOW)


@pytest.fixture(scope="session")
def aged(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningStation]:
    """The file of such a store, to be copied; and its first station."""
    path = tmp_path_factory.mktemp("aged") / "fleet.sqlite"
    database = new_store(path)
    station = aged_store(database, fleet, path.with_name("erasures.jsonl"))
    database.close()
    return path, station


@pytest.fixture
def store(aged: tuple[Path, SigningStation], tmp_path: Path) -> Iterator[Database]:
    """A copy of it."""
    shutil.copy(aged[0], tmp_path / "fleet.sqlite")
    opened = Database.open(tmp_path / "fleet.sqlite")
    yield opened
    opened.close()
