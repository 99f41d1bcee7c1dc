"""A store with two years of events in it, and the time that has gone by."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from fleet.messages.vocabulary import EventType
from fleet.server.database.database import Database
from fleet.server.database.schema import metadata
from fleet.server.events.tables import chains, events
from fleet.server.ingest.rebuild import PROJECTED
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import certificate_requests
from fleet.server.orders.tables import orders
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.retention_run import RetentionRun
from fleet.server.retention.settings import RetentionSettings, load
from tests.fakes.server.databases import either, on_postgres
from tests.fleet.server.conftest import NOW, SealingStation, arrived

__all__ = ["either", "on_postgres"]

PSEUDONYMS = Pseudonyms(bytes(range(32)))
HOLDER, OTHER, CLERK = "TEST000000-0001", "TEST000000-0002", "TEST000000-A001"
CARD, OTHER_CARD = "9752269875", "9752269876"


def job(
    database: Database, now: datetime, settings: RetentionSettings | None = None, *, dry: bool = False
) -> RetentionRun:
    return RetentionRun(database, settings or load(), PSEUDONYMS, now, dry)


def changed_code(station: SealingStation, errand: str = "change-1", hsa_id: str = HOLDER, card: str = CARD) -> None:
    """An errand that hands nothing over."""
    station.seal(EventType.ERRAND_STARTED, {"errand": errand, "kind": "change_pin"})
    end = {"errand": errand, "kind": "change_pin", "outcome": "done", "seconds": 30, "reason": "tove typed it"}
    station.seal(EventType.ERRAND_ENDED, {**end, "card_number": card, "hsa_id": hsa_id})


def returned(station: SealingStation, card: str = OTHER_CARD) -> None:
    """A card that fell into the bin, and the bin that was emptied."""
    station.seal(EventType.ERRAND_STARTED, {"errand": "return-1", "kind": "return_card"})
    station.seal(
        EventType.EFFECT_DONE, {"errand": "return-1", "effect": "drop.card", "outcome": "dropped", "old_card": card}
    )
    emptied = {"by": CLERK, "second": "TEST000000-A002", "counted": 1, "expected": 1, "seal": "S-1", "numbers": [card]}
    station.seal(EventType.BIN_EMPTIED, {"errand": "empty-1", **emptied, "statement": f"{CLERK} saw {card}"})
    reserve = {"errand": "stock-1", "card_number": card, "slot": 9, "by": CLERK}
    station.seal(EventType.CARD_STORED, reserve)


def a_life(station: SealingStation) -> None:
    """All classes of events."""
    station.seal(EventType.STATION_STARTED, {"version": "0.1.0", "found": []})
    station.seal(EventType.CHAIN_CHECKPOINT, {"jws": "e30.e30.AA"})
    changed_code(station)
    station.seal(EventType.CARD_LEFT_IN, {"card_number": CARD}, subject=f"card/{CARD}")
    station.pickup("O-1", card=CARD, errand="pickup-1")
    returned(station)


def taken(database: Database, station: SealingStation, at: datetime = NOW) -> None:
    Writer(database).commit(arrived(*station.sealed), at)


def ask_for_certificate(connection: Connection, id: str, hsa_id: str = HOLDER, card: str = CARD, **more: Any) -> None:
    """A request that people carry to the issuer's portal."""
    asked = {
        "profile": "identification",
        "loa": 3,
        "last_day": "2099-12-31",
        "station": "entre-a",
        "key": "e30",
        "request": "e30",
    }
    row = {"id": id, "card_number": card, "hsa_id": hsa_id, "made": NOW, **asked, **more}
    connection.execute(insert(certificate_requests).values(row))


def everything(database: Database) -> str:
    """All that the store holds in rows, but the envelopes, which stay for the chain."""
    with database.reading.begin() as connection:
        return "\n".join(
            str([value.decode("latin-1") if isinstance(value, bytes) else value for value in row])
            for table in metadata.sorted_tables
            for row in connection.execute(select(*(one for one in table.columns if one.name != "envelope")))
        )


def projected(database: Database) -> dict[str, Any]:
    with database.reading.begin() as connection:
        return {t.name: {tuple(row) for row in connection.execute(select(t))} for t in (*PROJECTED, chains, orders)}


def with_data(database: Database) -> list[str]:
    """Types of the events whose data is still there, in order."""
    query = select(events.c.type).where(events.c.data.is_not(None)).order_by(events.c.id)
    with database.reading.begin() as connection:
        return [one.removeprefix("se.kortkiosk.") for one in connection.execute(query).scalars()]
