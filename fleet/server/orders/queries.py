"""Orders as the office gives them, and as stations ask for them.

Rules: an import is all or nothing, and names an order once; a row that says what is stored already changes nothing; an order that
has left its slot cannot be changed; no two waiting cards share a slot, and no card waits twice. Slot 0 is none: the card is on
its way, and the station says later where it lies; such a row never takes a card out of the slot that it has been given since.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from fleet.messages.link import Order
from fleet.server.orders.lifecycle import ENDED_EARLY, OPEN, Happening, after
from fleet.server.orders.model import OrderRow
from fleet.server.orders.steps import CHUNK, remember
from fleet.server.orders.tables import orders
from fleet.server.platform.csv_files import Problem
from fleet.server.platform.import_files import Imported, RefusedError


@dataclass(frozen=True, slots=True)
class Record:
    """One order as imported. No code of any kind: `envelope_mac` is the issuer's HMAC as hex."""

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: int
    station: str
    slot: int
    last_day: str
    envelope_key: str | None
    envelope_mac: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A record and the line of the file that it came from."""

    line: int
    record: Record


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the verifier needs of an order, beside the sealed code."""

    card_number: str
    key: str
    mac: str


def import_orders(connection: Connection, rows: Sequence[Row], now: datetime) -> Imported:
    """Take all rows. Raises RefusedError with every row that does not fit."""
    stored = _stored(connection, [row.record.order for row in rows])
    fresh = [row for row in rows if row.record.order not in stored]
    changed = [row for row in rows if row.record.order in stored and _differs(stored[row.record.order], row.record)]
    problems = [
        Problem(row.line, "order", f"{row.record.order} is {stored[row.record.order][0]} and cannot be changed")
        for row in changed
        if after(stored[row.record.order][0], _given(row.record)) is None
    ]
    problems += [*_twice(rows), *_clashes(connection, rows, stored)]
    if problems:
        raise RefusedError(sorted(problems, key=lambda problem: problem.line))
    for row in fresh:
        values = {**asdict(row.record), "state": after(None, _given(row.record)), "changed": now, "made": now}
        connection.execute(insert(orders).values(values))
    for row in changed:
        values = {**asdict(row.record), **_where(stored[row.record.order], row.record, now)}
        connection.execute(update(orders).where(orders.c.order == row.record.order).values(values))
    remember(connection, [row.record.order for row in (*fresh, *changed)])
    return Imported(len(fresh), len(changed), len(rows) - len(fresh) - len(changed))


def record_of(connection: Connection, order: str) -> Record | None:
    """That order as it was imported."""
    found = _stored(connection, [order]).get(order)
    return None if found is None else found[1]


def orders_at(connection: Connection, station: str, today: str, *, after: str, limit: int) -> list[Order]:
    """Orders that may still be collected at a station, by order, from the one after `after`."""
    here = and_(orders.c.station == station, orders.c.state.in_(OPEN), orders.c.last_day >= today)
    rows = connection.execute(select(orders).where(here, orders.c.order > after).order_by(orders.c.order).limit(limit))
    return [_order(row) for row in rows]


def orders_for(connection: Connection, station: str, hsa_id: str, today: str) -> list[Order]:
    """The same for one person."""
    theirs = and_(orders.c.station == station, orders.c.hsa_id == hsa_id)
    open_now = and_(orders.c.state.in_(OPEN), orders.c.last_day >= today)
    rows = connection.execute(select(orders).where(theirs, open_now).order_by(orders.c.order))
    return [_order(row) for row in rows]


def envelope_of(
    connection: Connection, station: str, order: str, today: str, *, loa: int | None = None
) -> Envelope | None:
    """The envelope of an order that waits at this station; None where there is none to verify, or not of that level."""
    this = and_(orders.c.order == order, orders.c.station == station)
    open_now = and_(orders.c.state.in_(OPEN), orders.c.last_day >= today)
    if loa is not None:
        open_now = and_(open_now, orders.c.loa == loa)
    columns = select(orders.c.card_number, orders.c.envelope_key, orders.c.envelope_mac)
    row = connection.execute(columns.where(this, open_now)).first()
    if row is None or row.envelope_key is None or row.envelope_mac is None:
        return None
    return Envelope(row.card_number, row.envelope_key, row.envelope_mac)


def _stored(connection: Connection, names: Sequence[str]) -> dict[str, tuple[str, Record]]:
    found: dict[str, tuple[str, Record]] = {}
    for start in range(0, len(names), CHUNK):
        for row in connection.execute(select(orders).where(orders.c.order.in_(names[start : start + CHUNK]))):
            found[row.order] = (row.state, _record(row._mapping))
    return found


def _twice(rows: Sequence[Row]) -> list[Problem]:
    """Rows of an order that an earlier row has named: which of them applies cannot be known."""
    first: dict[str, int] = {}
    return [
        Problem(row.line, "order", f"{row.record.order} stands in row {first[row.record.order]} already")
        for row in rows
        if first.setdefault(row.record.order, row.line) != row.line
    ]


def _clashes(connection: Connection, rows: Sequence[Row], stored: dict[str, tuple[str, Record]]) -> list[Problem]:
    """Slots and cards that two waiting orders would share, in the file or with what is stored."""
    named = {row.record.order for row in rows}
    columns = select(orders.c.order, orders.c.station, orders.c.slot, orders.c.card_number, orders.c.state)
    slots: dict[tuple[str, int], str] = {}
    cards: dict[str, str] = {}
    for row in connection.execute(columns.where(orders.c.state.in_(OPEN))):
        if row.order not in named:
            cards[row.card_number] = row.order
            if row.state == "waiting":
                slots[row.station, row.slot] = row.order
    problems = []
    for line, record in ((row.line, row.record) for row in rows if _opens(stored.get(row.record.order), row.record)):
        place = (record.station, record.slot)
        if record.slot and slots.setdefault(place, record.order) != record.order:
            problems.append(Problem(line, "slot", f"slot {record.slot} at {record.station} holds {slots[place]}"))
        if cards.setdefault(record.card_number, record.order) != record.order:
            problems.append(Problem(line, "card_number", f"this card waits for {cards[record.card_number]} already"))
    return problems


def _given(record: Record) -> Happening:
    return "given_slot" if record.slot else "given_no_slot"


def _opens(stored: tuple[str, Record] | None, record: Record) -> bool:
    """Whether the order is offered once the row has been taken."""
    if stored is None:
        return True
    return (after(stored[0], _given(record)) if _differs(stored, record) else stored[0]) in OPEN


def _differs(stored: tuple[str, Record], record: Record) -> bool:
    """A row that leaves the slot open says nothing about one that the station has given since; and where an order was closed, the
    slot alone does not open it again."""
    by_itself = record.slot and stored[0] not in ENDED_EARLY
    return stored[1] != (record if by_itself else replace(record, slot=stored[1].slot))


def _where(stored: tuple[str, Record], record: Record, now: datetime) -> dict[str, Any]:
    """State, slot and times of an order that has changed. One that was closed begins anew."""
    state, was = stored
    slot = was.slot if state == "waiting" and not record.slot else record.slot
    begun = {"made": now} if state in ENDED_EARLY else {}
    return {"state": after(state, _given(record)), "slot": slot, "changed": now, **begun}


def _record(values: Any) -> Record:
    return Record(**{name: values[name] for name in Record.__dataclass_fields__})


def _order(row: Any) -> Order:
    return Order(
        order=row.order,
        hsa_id=row.hsa_id,
        name=row.name,
        protected=row.protected,
        card_number=row.card_number,
        product=row.product,
        loa=row.loa,
        slot=row.slot,
        last_day=row.last_day,
    )


def order_row(row: Any, today: str) -> OrderRow:
    """Of a row of the table; one that waits past its last day is expired."""
    past = row.state == "waiting" and row.last_day < today
    return OrderRow(
        order=row.order,
        hsa_id=row.hsa_id,
        name=None if row.protected else row.name,
        protected=row.protected,
        card_number=row.card_number,
        product=row.product,
        loa=row.loa,
        station=row.station,
        slot=row.slot,
        last_day=row.last_day,
        state="expired" if past else row.state,
        changed=row.changed,
    )
