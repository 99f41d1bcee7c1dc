"""What pages read of the store: implements `fleet.server.readings.Readings`.

Rules: each call reads one snapshot; nothing is written; no salt, no MAC and no name of a protected identity leaves
here. Today is the local day of `now`; an order is past its last day by the same measure.

>>> StoreReadings(database, clock).summary(now).orders_waiting  # doctest: +SKIP
12
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from fleet.server.readings import ErrandRow, EventRow, OrderRow, StationRow, Summary
from fleet.server.store import overview
from fleet.server.store.database import Database
from fleet.server.store.projections import receipt_bytes
from fleet.server.store.tables import errands, events, orders, receipts, stations


class StoreReadings:
    """Reads for pages, from any thread."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._reading = database.reading
        self._clock = clock

    def summary(self, now: datetime) -> Summary:
        """The figures at the top of the overview."""
        with self._reading.begin() as connection:
            return overview.summary(connection, now)

    def stations(self, now: datetime) -> list[StationRow]:
        """All stations, by name."""
        with self._reading.begin() as connection:
            return overview.station_rows(connection, now)

    def station(self, name: str, now: datetime) -> StationRow | None:
        """One station, or None where it is not known."""
        with self._reading.begin() as connection:
            rows = overview.station_rows(connection, now, name)
        return rows[0] if rows else None

    def errands(self, now: datetime, *, limit: int = 100, station: str | None = None) -> list[ErrandRow]:
        """Today's errands, newest first."""
        query = _errands().where(errands.c.started >= overview.start_of_day(now))
        if station is not None:
            query = query.where(stations.c.name == station)
        newest_first = query.order_by(errands.c.started.desc(), errands.c.errand).limit(limit)
        with self._reading.begin() as connection:
            return [_errand_row(row) for row in connection.execute(newest_first)]

    def errand(self, errand: str) -> ErrandRow | None:
        """One errand of any day."""
        with self._reading.begin() as connection:
            row = connection.execute(_errands().where(errands.c.errand == errand)).first()
        return None if row is None else _errand_row(row)

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[OrderRow], int]:
        """Orders that fit, latest change first, and how many there are in all."""
        today = overview.local_day(self._clock())
        fits = and_(_searched(search), _in_state(state, today))
        query = select(orders).where(fits).order_by(orders.c.changed.desc(), orders.c.order)
        with self._reading.begin() as connection:
            total = connection.execute(select(func.count()).select_from(orders).where(fits)).scalar_one()
            rows = connection.execute(query.limit(limit).offset(offset))
            return [_order_row(row, today) for row in rows], total

    def events(self, *, errand: str | None = None, station: str | None = None, limit: int = 200) -> list[EventRow]:
        """The newest events that fit, in order of the chain, newest last."""
        query = select(events, stations.c.name).join(stations, stations.c.id == events.c.station)
        if errand is not None:
            query = query.where(events.c.errand == errand)
        if station is not None:
            query = query.where(stations.c.name == station)
        newest = query.order_by(events.c.epoch.desc(), events.c.sequence.desc(), stations.c.name).limit(limit)
        with self._reading.begin() as connection:
            rows = list(connection.execute(newest))
        return [_event_row(row) for row in reversed(rows)]

    def receipt(self, number: str) -> bytes | None:
        """The whole signed receipt, exact bytes; None where there is none, or its event's data has been erased."""
        key = and_(
            events.c.station == receipts.c.station,
            events.c.epoch == receipts.c.epoch,
            events.c.sequence == receipts.c.sequence,
        )
        query = select(events.c.data).join(receipts, key).where(receipts.c.number == number)
        with self._reading.begin() as connection:
            data = _scalar(connection, query)
        return None if data is None else receipt_bytes(data)

    def orders_mark(self) -> object:
        """Something that differs once orders have been added or changed."""
        with self._reading.begin() as connection:
            return tuple(connection.execute(select(func.count(), func.max(orders.c.changed))).one())


def _scalar(connection: Connection, query: Select[Any]) -> Any:
    return connection.execute(query).scalar()


def _errands() -> Select[Any]:
    return select(errands, stations.c.name).join(stations, stations.c.id == errands.c.station)


def _searched(search: str) -> ColumnElement[bool]:
    columns = (orders.c.order, orders.c.hsa_id, orders.c.card_number, orders.c.name)
    return or_(*(column.icontains(search.strip(), autoescape=True) for column in columns))


def _in_state(state: str, today: str) -> ColumnElement[bool]:
    past = and_(orders.c.state == "waiting", orders.c.last_day < today)
    if state == "":
        return orders.c.order.is_not(None)
    if state == "expired":
        return past
    return and_(orders.c.state == state, ~past)


def _order_row(row: Any, today: str) -> OrderRow:
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


def _errand_row(row: Any) -> ErrandRow:
    return ErrandRow(
        errand=row.errand,
        station=row.name,
        kind=row.kind,
        started=row.started.astimezone(UTC),
        ended=row.ended,
        outcome=row.outcome,
        order=row.order,
        card_number=row.card_number,
        hsa_id=row.hsa_id,
        receipt=row.receipt,
    )


def _event_row(row: Any) -> EventRow:
    content = msgspec.json.decode(row.data) if row.data is not None else {}
    return EventRow(
        station=row.name,
        epoch=row.epoch,
        sequence=row.sequence,
        type=row.type,
        time=row.time,
        subject=row.subject,
        content=content if isinstance(content, dict) else {"data": content},
    )
