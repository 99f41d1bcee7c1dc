"""Queries of stock: cards in slots, bins, and how they were emptied."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, literal, not_, or_, select, true, union_all

from fleet.messages.vocabulary import EventType
from fleet.server.cards.model import DroppedCard, StationBinRow, StationStockRow, StockRow
from fleet.server.cards.stock.events import READERS, BinEmptied
from fleet.server.cards.stock.model import Emptied
from fleet.server.cards.stock.tables import bin_cards, bins, reserve_cards
from fleet.server.database.station_scope import StationCondition, all_stations
from fleet.server.events.tables import events
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import IN_FLEET, stations

MOST_EMPTYINGS = 20
_READ_ONE_BY_ONE = ("missing", "unlisted", "never_seen")


def stock(
    connection: Connection,
    *,
    station: str = "",
    kind: str = "",
    seen: StationCondition = all_stations,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[StockRow], int]:
    """Cards in slots, the oldest first, and how many there are."""
    lying = _lying(kind).subquery()
    fits = and_(seen(lying.c.station), true() if not station else lying.c.station == station)
    total = connection.execute(select(func.count()).select_from(lying).where(fits)).scalar_one()
    oldest = select(lying).where(fits).order_by(lying.c.since, lying.c.station, lying.c.slot)
    return [StockRow(**row._mapping) for row in connection.execute(oldest.limit(limit).offset(offset))], total


def stations_with_stock(connection: Connection, seen: StationCondition = all_stations) -> list[StationStockRow]:
    """Stations that have cards, by name."""
    lying = _lying("").subquery()
    waiting = func.count().filter(lying.c.order != "")
    reserve = func.count().filter(lying.c.order == "", not_(lying.c.quarantined))
    query = select(lying.c.station, waiting.label("waiting"), reserve.label("reserve"), func.min(lying.c.since))
    rows = connection.execute(query.where(seen(lying.c.station)).group_by(lying.c.station).order_by(lying.c.station))
    return [StationStockRow(row[0], row[1], row[2], row[3]) for row in rows]


def station_bins(
    connection: Connection,
    *,
    search: str = "",
    show: str = "",
    seen: StationCondition = all_stations,
    limit: int = 100,
    offset: int = 0,
) -> tuple[list[StationBinRow], int]:
    """Bins of all stations, the fullest first."""
    count = func.count(bin_cards.c.card_number)
    by_number = func.count().filter(bin_cards.c.by_number).label("by_number")
    first = func.min(bin_cards.c.dropped).label("first")
    query = select(stations.c.id, stations.c.name, count.label("cards"), first, by_number)
    query = query.outerjoin(bins, bins.c.station == stations.c.id).outerjoin(bin_cards, _lies_in(stations.c.id))
    query = query.where(IN_FLEET, seen(stations.c.name), stations.c.name.contains(search, autoescape=True))
    if show == "differs":
        query = query.where(bins.c.differs)
    query = query.group_by(stations.c.id, stations.c.name)
    if show == "cards":
        query = query.having(count > 0)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = list(connection.execute(query.order_by(count.desc(), stations.c.name).limit(limit).offset(offset)))
    last = select(bins).where(bins.c.station.in_([row.id for row in rows]))
    emptied = {row.station: emptied_row(row) for row in connection.execute(last)}
    return [StationBinRow(row.name, row.cards, row.first, emptied.get(row.id), row.by_number) for row in rows], total


def dropped_cards(
    connection: Connection, station: str, *, limit: int = 100, offset: int = 0
) -> tuple[list[DroppedCard], int]:
    """List the cards in a bin, the newest first."""
    query = select(bin_cards.c.card_number, bin_cards.c.dropped, bin_cards.c.by_number)
    query = query.join(stations, stations.c.id == bin_cards.c.station)
    query = query.outerjoin(bins, bins.c.station == stations.c.id)
    query = query.where(stations.c.name == station, _lies_in(stations.c.id))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    newest = query.order_by(bin_cards.c.dropped.desc(), bin_cards.c.sequence.desc())
    return [DroppedCard(*row) for row in connection.execute(newest.limit(limit).offset(offset))], total


def emptyings(connection: Connection, station: str) -> list[Emptied]:
    """List how the bin was emptied, the newest first, by its events."""
    query = select(events.c.data, events.c.received).join(stations, stations.c.id == events.c.station)
    this = and_(stations.c.name == station, events.c.type == EventType.BIN_EMPTIED, events.c.data.is_not(None))
    newest = query.where(this).order_by(events.c.id.desc()).limit(MOST_EMPTYINGS)
    return [
        emptying for row in connection.execute(newest) if (emptying := _emptying_of(row.data, row.received)) is not None
    ]


def _emptying_of(data: bytes, received: Any) -> Emptied | None:
    try:
        (change,) = READERS[EventType.BIN_EMPTIED](data, received)
    except msgspec.MsgspecError:
        return None
    assert isinstance(change, BinEmptied)
    return emptied_row(change)


def _lying(kind: str) -> Any:
    """One select of all cards in slots."""
    by_kind = {
        "order": _waiting(),
        "reserve": _others().where(not_(reserve_cards.c.quarantined), reserve_cards.c.card_number != ""),
        "quarantined": _others().where(reserve_cards.c.quarantined),
    }
    return union_all(*(query for name, query in by_kind.items() if kind in ("", name)))


def _waiting() -> Select[Any]:
    names = ("station", "slot", "card_number", "order", "product", "last_day")
    query = select(*(orders.c[name] for name in names), orders.c.changed.label("since"), false().label("quarantined"))
    return query.where(or_(orders.c.state == "waiting", and_(_ended(), orders.c.slot > 0)))


def _ended() -> ColumnElement[bool]:
    """A card that is to be taken out, and was not yet."""
    return orders.c.state.in_(("cancelled", "voided"))


def _others() -> Select[Any]:
    """Cards without an order: reserve cards, and those that could not show that they are genuine."""
    return (
        select(
            stations.c.name.label("station"),
            reserve_cards.c.slot,
            reserve_cards.c.card_number,
            literal("").label("order"),
            literal("").label("product"),
            literal("").label("last_day"),
            reserve_cards.c.at.label("since"),
            reserve_cards.c.quarantined,
        )
        .join(stations, stations.c.id == reserve_cards.c.station)
        .where(reserve_cards.c.lies)
    )


def _lies_in(station: Any) -> ColumnElement[bool]:
    since = or_(bins.c.emptied.is_(None), bin_cards.c.dropped > bins.c.emptied)
    return and_(bin_cards.c.station == station, since)


def emptied_row(row: Any) -> Emptied:
    """Of a row of the table, or of what a station said."""
    return Emptied(
        at=row.at if isinstance(row, BinEmptied) else row.emptied,
        by=(row.by, row.second),
        counted=row.counted,
        expected=row.expected,
        sensor=row.sensor,
        seal=row.seal,
        reason=row.reason,
        reference=row.reference,
        differs=row.differs,
        **({name: getattr(row, name) for name in _READ_ONE_BY_ONE} if isinstance(row, BinEmptied) else {}),
    )
