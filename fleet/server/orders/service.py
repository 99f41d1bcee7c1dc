"""Changes of orders: import as the office gives them, steps of the server itself, and returns. Each in the caller's transaction.

Rules:
- An import is all or nothing, and names an order once. A row that says what is stored already changes nothing.
- An order that has left its slot cannot be changed. No two waiting cards share a slot, and no card waits twice.
- Slot 0 is none: the card is on its way, and the station says later where it lies. Such a row never takes a card out of the
  slot that it has been given since.
- A card that goes by post has no slot; one that lies in a slot is not in the post.
- A row that is new or changes something is refused where its station is not known, its last day is past, or its person has left.
- A step goes by the table of `fleet.server.orders.model`; what the table does not name changes nothing and is said. A step is
  remembered, so that a rebuild begins after it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, update

from fleet.messages.asking import StockMove
from fleet.messages.vocabulary import AskName, Outcome
from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.clock.local_days import local_day
from fleet.server.events.tables import events
from fleet.server.files.csv_files import FileProblem
from fleet.server.files.import_files import ImportRefusedError, ImportResult
from fleet.server.issuers.tables import wishes
from fleet.server.orders.model import ENDED_EARLY, IN_HAND, OPEN, OrderEvent, OrderLine, OrderRecord, state_after
from fleet.server.orders.queries import CHUNK, stored_records
from fleet.server.orders.tables import order_starts, orders
from fleet.server.people.service import leavers_among
from fleet.server.stations.service import known_stations, retired_stations
from fleet.server.stations.tables import stations

CLOCKS = timedelta(minutes=10)
"""So far a station's clock may run before ours."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """An order before and after; `now` is None where the step does not happen from there."""

    was: str
    now: str | None


def apply_step(connection: Connection, order: str, event: OrderEvent, at: datetime) -> StepResult | None:
    """Take that step. None where there is no such order."""
    was = connection.execute(select(orders.c.state).where(orders.c.order == order)).scalar()
    if was is None:
        return None
    follows = state_after(was, event)
    if follows is not None:
        values = {"state": follows, "changed": at}
        connection.execute(update(orders).where(orders.c.order == order).values(values))
        remember_starts(connection, [order])
    return StepResult(was, follows)


def remember_starts(connection: Connection, names: Sequence[str]) -> None:
    """Write down where these orders stand now: a rebuild plays the events after this moment over it."""
    last = select(func.coalesce(func.max(events.c.id), 0)).scalar_subquery()
    columns = ("order", "state", "slot", "changed")
    for start in range(0, len(names), CHUNK):
        chosen = names[start : start + CHUNK]
        connection.execute(delete(order_starts).where(order_starts.c.order.in_(chosen)))
        now = select(*(orders.c[name] for name in columns), last).where(orders.c.order.in_(chosen))
        connection.execute(insert(order_starts).from_select([*columns, "after"], now))


def place_cards(connection: Connection, station: str, moves: Iterable[tuple[StockMove, datetime]]) -> None:
    """Cards of that station's orders were put into slots, taken out, or not found. The later of two words on a slot counts; the
    first slot that an order is given counts in any case."""
    for move, at in moves:
        this = and_(orders.c.order == move.order, orders.c.station == station)
        row = connection.execute(select(orders.c.state, orders.c.changed).where(this)).first()
        follows = None if row is None else state_after(row.state, move.what)
        if row is None or follows is None or (row.changed > at and row.state != "coming"):
            continue
        values = {"state": follows, "slot": 0 if follows in ENDED_EARLY else move.slot, "changed": at}
        connection.execute(update(orders).where(this).values(values))
        remember_starts(connection, [move.order])


def settle_returns(connection: Connection, numbers: Collection[str], emptied: Collection[str]) -> bool:
    """Step the orders of these card numbers, and of the bins of these stations. Says whether any moved.

    A card came back where it fell into a bin, and somebody who has proved who they are has had it blocked or held there; it is
    destroyed where two have proved that they emptied that bin.
    """
    moved = False
    touched = orders.c.card_number.in_(sorted(numbers))
    at_bin = or_(touched, stations.c.name.in_(sorted(emptied)))
    proven_here = and_(wishes.c.station == stations.c.name, wishes.c.people != "[]")
    put_away = wishes.c.ask.in_((AskName.CARD_BLOCK, AskName.CARD_HOLD)) & (wishes.c.outcome != Outcome.DECLINED)
    by_holder = exists().where(proven_here, put_away, wishes.c.card_number == orders.c.card_number)
    fell = and_(bin_cards.c.card_number == orders.c.card_number, bin_cards.c.dropped >= orders.c.changed)
    dropped = select(orders.c.order, func.max(bin_cards.c.dropped)).join(bin_cards, fell).join(stations)
    after_it = and_(bins.c.station == stations.c.id, bins.c.emptied >= bin_cards.c.dropped)
    returned = dropped.where(touched, orders.c.state.in_(IN_HAND), by_holder).group_by(orders.c.order)
    for order, at in connection.execute(returned).all():
        apply_step(connection, order, "returned", at)
        moved = True
    last = func.max(wishes.c.at)
    proved = and_(proven_here, wishes.c.ask == AskName.BIN_EMPTIED, wishes.c.outcome == "believed")
    cleared = select(orders.c.order, bins.c.emptied, last.label("proved")).join(bin_cards, fell).join(stations)
    cleared = cleared.join(bins, after_it).join(wishes, proved).where(at_bin, orders.c.state == "returned")
    for row in connection.execute(cleared.group_by(orders.c.order, bins.c.emptied)).all():
        if row.proved >= row.emptied - CLOCKS:
            apply_step(connection, row.order, "destroyed", row.emptied)
            moved = True
    return moved


def import_orders(connection: Connection, rows: Sequence[OrderLine], now: datetime) -> ImportResult:
    """Take all rows. Raises ImportRefusedError with every row that does not fit."""
    stored = stored_records(connection, [row.record.order for row in rows])
    fresh = [row for row in rows if row.record.order not in stored]
    changed = [row for row in rows if row.record.order in stored and _differs(stored[row.record.order], row.record)]
    problems = [
        FileProblem(row.line, "order", f"{row.record.order} is {stored[row.record.order][0]} and cannot be changed")
        for row in changed
        if state_after(stored[row.record.order][0], _given(row.record)) is None
    ]
    problems += [
        FileProblem(row.line, "slot", "a card that goes by post has no slot")
        for row in rows
        if row.record.delivery == "post" and row.record.slot
    ]
    problems += [
        FileProblem(row.line, "delivery", f"{row.record.order} lies in a slot, and is not in the post")
        for row in changed
        if row.record.delivery == "post" and stored[row.record.order][0] == "waiting"
    ]
    problems += [*_twice(rows), *_clashes(connection, rows, stored), *_in_vain(connection, [*fresh, *changed], now)]
    if problems:
        raise ImportRefusedError(sorted(problems, key=lambda problem: problem.line))
    for row in fresh:
        values = {**asdict(row.record), "state": state_after(None, _given(row.record)), "changed": now, "made": now}
        connection.execute(insert(orders).values(values))
    for row in changed:
        values = {**asdict(row.record), **_where(stored[row.record.order], row.record, now)}
        connection.execute(update(orders).where(orders.c.order == row.record.order).values(values))
    remember_starts(connection, [row.record.order for row in (*fresh, *changed)])
    return ImportResult(len(fresh), len(changed), len(rows) - len(fresh) - len(changed))


def _in_vain(connection: Connection, rows: Sequence[OrderLine], now: datetime) -> list[FileProblem]:
    """Rows that nobody could ever collect. What is stored already may stay in the file."""
    names, today = {row.record.station for row in rows}, local_day(now)
    in_fleet, retired = known_stations(connection, names), retired_stations(connection, names)
    gone = leavers_among(connection, {row.record.hsa_id for row in rows}, today)
    problems = []
    for line, record in ((row.line, row.record) for row in rows):
        if record.station in retired:
            problems.append(FileProblem(line, "station", f"{record.station} is retired"))
        elif record.station not in in_fleet:
            reason = f"no station {record.station} is known here (`kortkiosk-fleet station add` makes it known)"
            problems.append(FileProblem(line, "station", reason))
        if record.last_day < today:
            problems.append(FileProblem(line, "last_day", f"{record.last_day} is past"))
        if record.hsa_id in gone:
            reason = f"{record.hsa_id} left on {gone[record.hsa_id]}, and who has left is handed nothing"
            problems.append(FileProblem(line, "hsa_id", reason))
    return problems


def _twice(rows: Sequence[OrderLine]) -> list[FileProblem]:
    """Rows of an order that an earlier row has named: which of them applies cannot be known."""
    first: dict[str, int] = {}
    return [
        FileProblem(row.line, "order", f"{row.record.order} stands in row {first[row.record.order]} already")
        for row in rows
        if first.setdefault(row.record.order, row.line) != row.line
    ]


def _clashes(
    connection: Connection, rows: Sequence[OrderLine], stored: dict[str, tuple[str, OrderRecord]]
) -> list[FileProblem]:
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
            problems.append(FileProblem(line, "slot", f"slot {record.slot} at {record.station} holds {slots[place]}"))
        if cards.setdefault(record.card_number, record.order) != record.order:
            problems.append(
                FileProblem(line, "card_number", f"this card waits for {cards[record.card_number]} already")
            )
    return problems


def _given(record: OrderRecord) -> OrderEvent:
    return "given_slot" if record.slot else "given_no_slot"


def _opens(stored: tuple[str, OrderRecord] | None, record: OrderRecord) -> bool:
    """Return whether the order is offered once the row has been taken."""
    if stored is None:
        return True
    return (state_after(stored[0], _given(record)) if _differs(stored, record) else stored[0]) in OPEN


def _differs(stored: tuple[str, OrderRecord], record: OrderRecord) -> bool:
    """A row that leaves the slot open says nothing about one that the station has given since; and where an order was closed, the
    slot alone does not open it again."""
    by_itself = record.slot and stored[0] not in ENDED_EARLY
    return stored[1] != (record if by_itself else replace(record, slot=stored[1].slot))


def _where(stored: tuple[str, OrderRecord], record: OrderRecord, now: datetime) -> dict[str, Any]:
    """State, slot and times of an order that has changed. One that was closed begins anew."""
    state, was = stored
    slot = was.slot if state == "waiting" and not record.slot else record.slot
    begun = {"made": now} if state in ENDED_EARLY else {}
    return {"state": state_after(state, _given(record)), "slot": slot, "changed": now, **begun}
