"""Erasure of events' data, and of what pages know by it, in the transaction of its caller.

Rules: data and salt go, the envelope stays: the chain still checks. Each erased event has its record (`erasures`), by which it
differs from one whose content somebody took. What follows from an event is written again from its residue,
so that the rows are what a rebuild would make. An erased event that a station sends again changes nothing: its place is held.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from fleet.messages.events import Event
from fleet.server.cards.stock.events import BinEmptied, CardDropped, ReservePlaced
from fleet.server.cards.stock.projection import Origin
from fleet.server.cards.stock.tables import bin_cards
from fleet.server.checkpoints.tables import NOTHING_LEFT, erasures
from fleet.server.database.bulk import Put, is_postgres, put_all
from fleet.server.events.queries import restore_event
from fleet.server.events.tables import events
from fleet.server.ingest.project import apply_changes
from fleet.server.ingest.projections import Change, ErrandConcerns, ErrandEnded, ErrandStarted, Step, changes_of
from fleet.server.retention.pseudonyms import Pseudonyms
from fleet.server.retention.residue import as_erased, residue_of
from fleet.server.stations.tables import stations

COLUMNS = ("id", "station", "epoch", "sequence", "type", "errand", "subject", "envelope", "data", "salt", "received")
_AGAIN = ErrandStarted | ErrandConcerns | ErrandEnded | BinEmptied | ReservePlaced


def columns() -> list[Any]:
    """Return the columns that `erase` needs of each event."""
    return [events.c[name] for name in COLUMNS]


def erase(connection: Connection, rows: Sequence[Any], pseudonyms: Pseudonyms, now: datetime) -> int:
    """Erase these events (rows of `columns`, oldest first). Gives how many. Raises sqlalchemy.exc.DBAPIError."""
    if not rows:
        return 0
    if not is_postgres(connection):
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is erased must not stay readable in free pages
    gone = (
        update(events).where(events.c.id == bindparam("this")).values(data=None, salt=None, subject=bindparam("left"))
    )
    connection.execute(gone, [{"this": row.id, "left": _subject(row.subject, pseudonyms)} for row in rows])
    residues = [(row, _residue(row, pseudonyms)) for row in rows]
    records = [{**_place(row), "residue": residue or NOTHING_LEFT, "erased": now} for row, residue in residues]
    put_all(connection, [Put(erasures, records, ("residue", "erased"))])
    _tell_again(connection, [(row, residue) for row, residue in residues if residue is not None])
    return len(rows)


def _place(row: Any) -> dict[str, int]:
    return {"station": row.station, "epoch": row.epoch, "sequence": row.sequence}


def _subject(subject: str | None, pseudonyms: Pseudonyms) -> str | None:
    kind, _, name = (subject or "").partition("/")
    return f"card/{pseudonyms.card(name)}" if kind == "card" else subject


def _event(row: Any) -> Event | None:
    return restore_event((row.station, row.epoch, row.sequence), row.envelope, row.data, row.salt)


def _residue(row: Any, pseudonyms: Pseudonyms) -> bytes | None:
    event = _event(row)
    return None if event is None else residue_of(event, row.received, pseudonyms)


def _tell_again(connection: Connection, left: Sequence[tuple[Any, bytes]]) -> None:
    """Write what follows from the residues. Orders do not move by it, and a receipt keeps its number."""
    station_names = (
        {row.id: row.name for row in connection.execute(select(stations.c.id, stations.c.name))} if left else {}
    )
    steps, dropped = [], []
    for row, residue in left:
        event = _event(row)
        changes: tuple[Change, ...] = changes_of(as_erased(event, residue), row.received) if event else ()
        origin = Origin(row.station, station_names[row.station], row.epoch, row.sequence)
        steps.append(Step(origin, tuple(change for change in changes if isinstance(change, _AGAIN)), row.received))
        dropped += [(row, change) for change in changes if isinstance(change, CardDropped)]
    put_all(connection, apply_changes(connection, steps).puts)
    names = ("station", "epoch", "sequence")
    this = update(bin_cards).where(*(bin_cards.c[name] == bindparam(f"the_{name}") for name in names))
    if dropped:
        values = [
            {f"the_{name}": getattr(row, name) for name in names} | {"left": change.card_number}
            for row, change in dropped
        ]
        connection.execute(this.values(card_number=bindparam("left")), values)
