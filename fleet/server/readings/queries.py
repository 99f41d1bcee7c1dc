"""Queries of read models: implements `fleet.server.readings.model.Readings`.

Rules: each call reads one snapshot, but for the list of all stations, which those share who ask at the same time; nothing is
written; no salt, no MAC and no name of a protected identity leaves here. Today is the local day of `now`; an order is past its
last day by the same measure.

Nobody gets a list whose reading began before the question, so that a page never misses the change that it was told of.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from fleet.server.cards.stock.model import BinRow
from fleet.server.cards.stock.queries import emptied_row
from fleet.server.cards.stock.tables import bin_cards, bins
from fleet.server.checkpoints.model import CheckpointRow
from fleet.server.checkpoints.tables import checkpoints, countersignatures
from fleet.server.clock import local_days
from fleet.server.clock.local_days import start_of_day
from fleet.server.database import station_scope
from fleet.server.database.database import Database
from fleet.server.errands.model import TODAY, ErrandQuery, ErrandRow, EventRow
from fleet.server.errands.queries import comes_after, errand_row, errand_rows, matches_query
from fleet.server.errands.tables import errands, receipts
from fleet.server.events.tables import events
from fleet.server.ingest.projections import receipt_bytes
from fleet.server.orders.model import OrderRow
from fleet.server.orders.queries import is_unregistered, order_row, order_rows
from fleet.server.orders.tables import orders
from fleet.server.readings import summary as overview
from fleet.server.readings.model import Summary
from fleet.server.readings.station_list import StationRowCache, station_rows
from fleet.server.stations.model import StationRow
from fleet.server.stations.tables import stations


class SharedStationList:
    def __init__(
        self, read: Callable[[datetime], Sequence[StationRow]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._day: datetime | None = None
        self._rows: Sequence[StationRow] = ()

    def rows(self, now: datetime) -> Sequence[StationRow]:
        """All stations with the errands of that day. Raises what reading raises."""
        requested_at, day = self._monotonic(), start_of_day(now)
        with self._lock:
            began = self._monotonic()
            if self._began < requested_at or self._day != day:
                self._rows = self._read(now)
                self._began, self._day = began, day
            return self._rows


class StoreReadings:
    """Reads for pages, from any thread."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        seen: station_scope.StationCondition = station_scope.all_stations,
        row_cache: StationRowCache | None = None,
    ) -> None:
        self._known = row_cache or StationRowCache()
        self._database = database
        self._reading = database.reading
        self._clock = clock
        self._seen = seen
        self._shared = SharedStationList(self._read_all)

    def within(self, patterns: frozenset[str]) -> "StoreReadings":
        """The same for those stations alone, for as long as one request lasts: stations at one moment are read once."""
        return _Request(self._database, self._clock, patterns, self._known, self._shared)

    def summary(self, now: datetime) -> Summary:
        """The figures at the top of the overview."""
        rows = self._all(now)
        with self._reading.begin() as connection:
            return overview.summary(connection, now, rows, self._seen)

    def stations(self, now: datetime) -> list[StationRow]:
        return list(self._all(now))

    def _all(self, now: datetime) -> Sequence[StationRow]:
        return self._shared.rows(now)

    def _read_all(self, now: datetime) -> Sequence[StationRow]:
        with self._reading.begin() as connection:
            return station_rows(connection, now, self._known)

    def retired_stations(self, now: datetime) -> list[StationRow]:
        """Return the stations that have left the fleet, by name."""
        with self._reading.begin() as connection:
            return station_rows(connection, now, self._known, seen=self._seen, retired=True)

    def station(self, name: str, now: datetime) -> StationRow | None:
        """One station, or None where it is not known."""
        with self._reading.begin() as connection:
            rows = station_rows(connection, now, self._known, name, self._seen)
        return rows[0] if rows else None

    def bin(self, station: str) -> BinRow:
        """Return the number of cards in the bin, and its last emptying."""
        mine = and_(self._seen(stations.c.name), stations.c.name == station)
        last = select(bins).join(stations, stations.c.id == bins.c.station).where(mine)
        with self._reading.begin() as connection:
            row = connection.execute(last).first()
            lying = and_(mine, true() if row is None else bin_cards.c.dropped > row.emptied)
            count = select(func.count()).join(stations, stations.c.id == bin_cards.c.station).where(lying)
            cards = connection.execute(count.select_from(bin_cards)).scalar_one()
        return BinRow(cards, None if row is None else emptied_row(row))

    def checkpoint(self, station: str) -> CheckpointRow | None:
        """The last one of the newest epoch."""
        word = countersignatures.c
        same = and_(*(word[name] == checkpoints.c[name] for name in ("station", "epoch", "sequence")))
        query = select(checkpoints, word.received, word.stamped).join(stations, stations.c.id == checkpoints.c.station)
        query = query.outerjoin(countersignatures, same)
        query = query.where(self._seen(stations.c.name), stations.c.name == station)
        last = query.order_by(checkpoints.c.epoch.desc(), checkpoints.c.sequence.desc()).limit(1)
        with self._reading.begin() as connection:
            row = connection.execute(last).first()
        if row is None:
            return None
        return CheckpointRow(row.at, row.epoch, row.sequence - 1, row.verdict, row.received, row.stamped)

    def errands(
        self, now: datetime, sought: ErrandQuery = TODAY, *, limit: int = 100, after: ErrandRow | None = None
    ) -> list[ErrandRow]:
        query = errand_rows().where(matches_query(sought, now), self._seen(stations.c.name))
        if after is not None:
            query = query.where(comes_after(after))
        newest_first = query.order_by(errands.c.started.desc(), errands.c.errand).limit(limit)
        with self._reading.begin() as connection:
            return [errand_row(row) for row in connection.execute(newest_first)]

    def errand(self, errand: str) -> ErrandRow | None:
        """One errand of any day."""
        with self._reading.begin() as connection:
            row = connection.execute(
                errand_rows().where(errands.c.errand == errand, self._seen(stations.c.name))
            ).first()
        return None if row is None else errand_row(row)

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[OrderRow], int]:
        """Orders that fit, latest change first, and how many there are in all."""
        today = local_days.local_day(self._clock())
        with self._reading.begin() as connection:
            fits = and_(
                self._found(connection, station_scope.normalize_search(search)),
                _in_state(state, today),
                self._seen(orders.c.station),
            )
            query = order_rows().where(fits).order_by(orders.c.changed.desc(), orders.c.order)
            total = connection.execute(select(func.count()).select_from(orders).where(fits)).scalar_one()
            rows = connection.execute(query.limit(limit).offset(offset))
            return [order_row(row, today) for row in rows], total

    def _found(self, connection: Connection, search: str) -> ColumnElement[bool]:
        """A whole card number or HSA-id finds by an index; anything else is looked for in every order."""
        whole = or_(orders.c.card_number == search, orders.c.hsa_id == search)
        exact_match = select(orders.c.order).where(whole, self._seen(orders.c.station)).limit(1)
        return whole if search and _scalar(connection, exact_match) is not None else _searched(search)

    def events(self, *, errand: str | None = None, station: str | None = None, limit: int = 200) -> list[EventRow]:
        """The newest events that fit, in order of the chain, newest last."""
        query = select(events, stations.c.name).join(stations, stations.c.id == events.c.station)
        query = query.where(self._seen(stations.c.name))
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
        query = select(events.c.data).join(receipts, key).join(stations, stations.c.id == events.c.station)
        query = query.where(receipts.c.number == number, self._seen(stations.c.name))
        with self._reading.begin() as connection:
            data = _scalar(connection, query)
        return None if data is None else receipt_bytes(data)

    def orders_version(self) -> object:
        """Something that differs once orders have been added or changed."""
        with self._reading.begin() as connection:
            return tuple(connection.execute(select(func.count(), func.max(orders.c.changed))).one())


class _Request(StoreReadings):
    """A page asks twice for all stations, for the list and for the figures: the second time they are at hand."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        patterns: frozenset[str],
        row_cache: StationRowCache,
        shared: SharedStationList,
    ) -> None:
        super().__init__(database, clock, station_scope.stations_like(patterns), row_cache)
        self._shared = shared
        self._sees = station_scope.is_visible(patterns)
        self._at: datetime | None = None
        self._rows: Sequence[StationRow] = ()

    def _all(self, now: datetime) -> Sequence[StationRow]:
        if self._at != now:
            self._at, self._rows = now, [row for row in super()._all(now) if self._sees(row.name)]
        return self._rows


def _scalar(connection: Connection, query: Select[Any]) -> Any:
    return connection.execute(query).scalar()


def _searched(search: str) -> ColumnElement[bool]:
    if not search:
        return true()
    columns = (orders.c.order, orders.c.hsa_id, orders.c.card_number, orders.c.name)
    return or_(*(column.icontains(search, autoescape=True) for column in columns))


def _in_state(state: str, today: str) -> ColumnElement[bool]:
    past = and_(orders.c.state == "waiting", orders.c.last_day < today)
    if state == "":
        return orders.c.order.is_not(None)
    if state == "expired":
        return past
    if state == "unregistered":
        return is_unregistered()
    return and_(orders.c.state == state, ~past)


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
