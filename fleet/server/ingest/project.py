"""Writer of projections: changes become rows, in the transaction that stores their events.

Rules: the changes of a batch are folded in order of arrival and written by a few statements, whatever its size; the first
receipt of a number stays; the end is the same as if each event had been written alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from fleet.server.cards.stock.events import BinEmptied, CardDropped, ReservePlaced
from fleet.server.cards.stock.projection import Origin, drop_cards, emptied_bins, move_orders, placed_reserves
from fleet.server.checkpoints.tables import checkpoints
from fleet.server.database.bulk import Put, insert_for, put_all
from fleet.server.errands.tables import errands, receipts
from fleet.server.ingest.projections import (
    AlarmRaised,
    Change,
    CheckpointSigned,
    ErrandConcerns,
    ErrandEnded,
    ErrandStarted,
    ReceiptKept,
    ReceiptMailWanted,
    Step,
    UnfitData,
)
from fleet.server.live_feed.topics import Topic
from fleet.server.orders.model import OrderMoved
from fleet.server.stations.alarms import RECEIPT_TWICE, Alarm

NOT_TOLD = "unknown"
"""The kind of an errand whose start has not arrived yet."""

_NOTHING = {column.name: None for column in errands.columns}


@dataclass(slots=True)
class Applied:
    """Topics that pages wait for, what a person should look at, and rows that are still to be put."""

    topics: set[str] = field(default_factory=set)
    alarms: list[Alarm] = field(default_factory=list)
    puts: list[Put] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    """Rows of receipts that are wanted by e-mail: queued once, and not when events are played again."""
    dropped: frozenset[str] = frozenset()
    """Numbers of cards that fell into bins."""
    emptied: frozenset[str] = frozenset()
    """Stations whose bins were emptied."""


@dataclass(slots=True)
class _Errand:
    """`fresh`: the row where there is none yet. `said`: what changes in the row that is there."""

    fresh: dict[str, Any]
    said: dict[str, Any]


@dataclass(slots=True)
class Folded:
    """The changes of a batch, by table. `kept`: receipts whose number was kept now, and of which event."""

    kept: dict[str, Origin]
    applied: Applied = field(default_factory=Applied)
    errands: dict[tuple[str, int], _Errand] = field(default_factory=dict)
    orders: list[tuple[Origin, OrderMoved]] = field(default_factory=list)
    dropped: list[tuple[Origin, CardDropped]] = field(default_factory=list)
    emptied: list[tuple[Origin, BinEmptied]] = field(default_factory=list)
    reserves: list[tuple[Origin, ReservePlaced]] = field(default_factory=list)
    signed: list[dict[str, Any]] = field(default_factory=list)
    """Rows of checkpoints, which are judged later."""


def apply_changes(connection: Connection, steps: Sequence[Step]) -> Applied:
    """Write what follows from the events of a batch, in order of arrival, but for `puts`: they go with others of the caller's."""
    return apply_folded(connection, fold(steps, keep_receipts(connection, steps)))


def fold(steps: Sequence[Step], kept: dict[str, Origin]) -> Folded:
    """Fold the changes of these steps together, by table. Needs no database."""
    folded = Folded(kept)
    for step in steps:
        for change in step.changes:
            _fold(folded, step, change)
    return folded


def apply_folded(connection: Connection, folded: Folded) -> Applied:
    if folded.errands:
        folded.applied.topics.add(Topic.ERRANDS)
    signed = Put(checkpoints, folded.signed, ("at",))
    folded.applied.puts = [*_errand_rows(folded), placed_reserves(folded.reserves), signed]
    drop_cards(connection, folded.dropped)
    put_all(connection, [emptied_bins(folded.emptied)])
    if move_orders(connection, folded.orders):
        folded.applied.topics.add(Topic.ORDERS)
    folded.applied.dropped = frozenset(change.card_number for _, change in folded.dropped) - {""}
    folded.applied.emptied = frozenset(origin.name for origin, _ in folded.emptied)
    return folded.applied


def _fold(folded: Folded, step: Step, change: Change) -> None:
    origin = step.origin
    match change:
        case ErrandStarted() | ErrandConcerns() | ErrandEnded():
            _fold_errand(folded, origin, change)
        case OrderMoved():
            folded.orders.append((origin, change))
        case CardDropped():
            folded.dropped.append((origin, change))
        case BinEmptied():
            folded.emptied.append((origin, change))
        case ReservePlaced():
            folded.reserves.append((origin, change))
        case ReceiptKept() | ReceiptMailWanted():
            _fold_receipt(folded, step, change)
        case AlarmRaised():
            folded.applied.alarms.append(Alarm(origin.name, change.code, change.which))
        case CheckpointSigned():
            place = {"station": origin.station, "epoch": origin.epoch, "sequence": origin.sequence}
            folded.signed.append({**place, "at": change.at})
        case UnfitData():
            folded.applied.alarms.append(Alarm(origin.name, change.code, change.reason))


def _fold_errand(folded: Folded, origin: Origin, change: ErrandStarted | ErrandConcerns | ErrandEnded) -> None:
    columns: dict[str, Any]
    match change:
        case ErrandStarted():
            _put_errand(folded, origin, change.errand, {"kind": change.kind, "started": change.at}, {})
        case ErrandConcerns():
            columns = _known(order=change.order, card_number=change.card_number)
            _put_errand(folded, origin, change.errand, columns, {"kind": NOT_TOLD, "started": change.at})
        case ErrandEnded():
            columns = _known(order=change.order, card_number=change.card_number, hsa_id=change.hsa_id)
            columns |= {"kind": change.kind, "ended": change.at, "outcome": change.outcome}
            _put_errand(folded, origin, change.errand, columns, {"started": change.started})


def _fold_receipt(folded: Folded, step: Step, change: ReceiptKept | ReceiptMailWanted) -> None:
    if isinstance(change, ReceiptMailWanted):
        folded.applied.mails.append(_queued_mail(step, change))
        return
    if folded.kept.get(change.number) != step.origin:
        folded.applied.alarms.append(Alarm(step.origin.name, RECEIPT_TWICE, change.number))
        return
    beside = {"kind": NOT_TOLD, "started": step.received}
    _put_errand(folded, step.origin, change.errand, {"receipt": change.number}, beside)


def _queued_mail(step: Step, change: ReceiptMailWanted) -> dict[str, Any]:
    columns = {"number": change.number, "errand": change.errand, "statement": change.statement, "wanted": change.at}
    return {
        **columns,
        "station": step.origin.station,
        "state": "waiting",
        "tries": 0,
        "due": step.received,
        "error": None,
    }


def _known(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _put_errand(folded: Folded, origin: Origin, errand: str, columns: dict[str, Any], beside: dict[str, Any]) -> None:
    """`beside`: what the row needs where this is the first that is heard of the errand."""
    row = folded.errands.get((errand, origin.station))
    if row is None:
        fresh = {**_NOTHING, **beside, **columns, "errand": errand, "station": origin.station}
        folded.errands[errand, origin.station] = _Errand(fresh, columns)
        folded.applied.topics.add(Topic.ERRAND.of(errand))
    else:
        row.fresh |= columns
        row.said |= columns


def _errand_rows(folded: Folded) -> Iterator[Put]:
    """One for each set of columns that is said."""
    alike: dict[frozenset[str], list[dict[str, Any]]] = {}
    for row in folded.errands.values():
        alike.setdefault(frozenset(row.said), []).append(row.fresh)
    for columns, rows in alike.items():
        yield Put(errands, rows, sorted(columns))


def keep_receipts(connection: Connection, steps: Sequence[Step]) -> dict[str, Origin]:
    """Keep the first receipt of each number, and say whose were kept now."""
    first: dict[str, tuple[Origin, ReceiptKept]] = {}
    for step in steps:
        for change in step.changes:
            if isinstance(change, ReceiptKept):
                first.setdefault(change.number, (step.origin, change))
    if not first:
        return {}
    rows = [
        {
            "number": number,
            "station": origin.station,
            "epoch": origin.epoch,
            "sequence": origin.sequence,
            "errand": change.errand,
        }
        for number, (origin, change) in sorted(first.items())
    ]
    statement = insert_for(connection, receipts).on_conflict_do_nothing(index_elements=["number"])
    kept = connection.execute(statement.returning(receipts.c.number), rows).scalars().all()
    return {number: first[number][0] for number in kept}
