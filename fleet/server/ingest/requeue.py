"""Dead letters: what the quarantine holds, and taking it back once the reason is gone.

Rules: what can be read now goes the way of a fresh message, in the order of its chain, so that errands, receipts and orders
follow from it; it leaves the quarantine in the same transaction, and the audit says so. What still cannot be read or stored
stays, with the newest reason. A state or presence is never taken back: the station has said a newer one. Beside a running server
each transaction has the store to itself; whatever ends it half-way, the same call again goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update

from fleet.messages.topics import Topics
from fleet.server.audit_log.log import AuditEvent
from fleet.server.broker.transport import Incoming
from fleet.server.database.database import Database
from fleet.server.events.tables import quarantine
from fleet.server.ingest.parse import RESULT, Arrival, ArrivedEvent, ArrivedResult, UnreadableMessage, parse_message
from fleet.server.ingest.service import ROW_FAULTS, fault_name
from fleet.server.ingest.write import NotTakenError, Writer
from fleet.server.stations.tables import stations

TOGETHER = 100
"""Messages of one station in a transaction."""
ERASED = "its bytes were erased"
OUTDATED = "has been said anew since"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One row of the quarantine, without its content. `size` in bytes: 0 once they were erased."""

    id: int
    station: str
    epoch: int | None
    sequence: int | None
    kind: str
    received: datetime
    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class Requeued:
    """Outcome of a requeue. `held`: what the store had already, or has kept aside as a conflict. `kept`: ids, and why."""

    taken: int
    held: int
    kept: tuple[tuple[int, str], ...]


def dead_letters(connection: Connection, station: str = "", ids: Sequence[int] = ()) -> Iterator[DeadLetter]:
    """Return the dead letters in the order of their chains: all, those of one station, or those of these ids."""
    columns = [quarantine.c[name] for name in ("id", "epoch", "sequence", "kind", "received", "reason")]
    query = select(*columns, stations.c.name.label("station"), func.length(quarantine.c.raw).label("size"))
    order = (stations.c.name, quarantine.c.epoch, quarantine.c.sequence, quarantine.c.id)
    rows = connection.execute(query.join(stations).where(_chosen(station, ids)).order_by(*order))
    return (DeadLetter(**row._mapping) for row in rows)


def contents(connection: Connection, station: str = "", ids: Sequence[int] = ()) -> Iterator[tuple[int, bytes]]:
    """Ids and the bytes that came."""
    query = select(quarantine.c.id, quarantine.c.raw).join(stations).where(_chosen(station, ids))
    return ((row.id, row.raw) for row in connection.execute(query.order_by(quarantine.c.id)))


def requeue(database: Database, now: datetime, station: str = "", ids: Sequence[int] = ()) -> Requeued:
    """Take back what can be taken. Raises sqlalchemy.exc.DBAPIError where the store itself cannot."""
    with database.reading.begin() as connection:
        waiting = list(dead_letters(connection, station, ids))
    writer, taken, held_count = Writer(database), 0, 0
    kept: list[tuple[int, str]] = []
    for _, theirs in groupby(waiting, key=lambda letter: letter.station):
        numbers = [letter.id for letter in theirs]
        for start in range(0, len(numbers), TOGETHER):
            done = _some(database, writer, numbers[start : start + TOGETHER], now)
            taken, held_count, kept = taken + done.taken, held_count + done.held, [*kept, *done.kept]
    return Requeued(taken, held_count, tuple(kept))


def _some(database: Database, writer: Writer, ids: Sequence[int], now: datetime) -> Requeued:
    """Of one station, in one transaction; where one is refused, in one each."""
    with database.reading.begin() as connection:
        query = select(quarantine, stations.c.name).join(stations).where(quarantine.c.id.in_(ids))
        rows = {row.id: row for row in connection.execute(query)}
    read = [(number, _read_again(rows[number])) for number in ids if number in rows]
    good = [(number, arrival) for number, arrival in read if isinstance(arrival, ArrivedEvent | ArrivedResult)]
    kept = [(number, refusal) for number, refusal in read if isinstance(refusal, str)]
    try:
        taken = _take_back(writer, good, now)
    except (*ROW_FAULTS, NotTakenError) as fault:
        if len(good) > 1:
            alone = [_some(database, writer, [number], now) for number, _ in good]
            _keep(database, kept)
            every = (*(refused for some in alone for refused in some.kept), *kept)
            return Requeued(sum(part.taken for part in alone), sum(part.held for part in alone), every)
        taken = 0
        reason = str(fault) if isinstance(fault, NotTakenError) else f"cannot be stored: {fault_name(fault)}"
        kept, good = [*kept, (good[0][0], reason)], []
    _keep(database, kept)
    return Requeued(taken, len(good) - taken, tuple(kept))


def _read_again(row: Row[Any]) -> ArrivedEvent | ArrivedResult | str:
    """Parse the dead letter again: return its content, or the reason why it stays."""
    if not row.raw:
        return ERASED
    topics = Topics(row.name)
    topic = topics.results if row.kind == RESULT else f"{topics.events.rsplit('/', 1)[0]}/{row.kind}"
    key = None if row.epoch is None else (row.epoch, row.sequence)
    arrival: Arrival | None = parse_message(Incoming(topic, row.raw, key))
    match arrival:
        case ArrivedEvent() | ArrivedResult():
            return arrival
        case UnreadableMessage():
            return arrival.reason
        case _:
            return OUTDATED


def _take_back(writer: Writer, good: Sequence[tuple[int, ArrivedEvent | ArrivedResult]], now: datetime) -> int:
    """Store these messages; return how many the store did not hold before. Raises DBAPIError, NotTakenError."""
    if not good:
        return 0
    numbers, arrivals = [number for number, _ in good], [arrival for _, arrival in good]
    note = AuditEvent("quarantine.requeue", arrivals[0].station, f"{len(numbers)}: {', '.join(map(str, numbers))}")
    stored = writer.take_back(arrivals, numbers, now, note).stored
    return stored + sum(isinstance(arrival, ArrivedResult) for arrival in arrivals)


def _keep(database: Database, kept: Sequence[tuple[int, str]]) -> None:
    """With the newest reason; what was erased keeps the one it had."""
    newest = [(number, reason) for number, reason in kept if reason not in (ERASED, OUTDATED)]
    if not newest:
        return
    with database.writing.begin() as connection:
        for number, reason in newest:
            connection.execute(update(quarantine).where(quarantine.c.id == number).values(reason=reason))


def _chosen(station: str, ids: Sequence[int]) -> ColumnElement[bool]:
    conditions = [stations.c.name == station] if station else []
    return and_(True, *conditions, *([quarantine.c.id.in_(ids)] if ids else []))
