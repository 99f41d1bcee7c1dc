"""Tables of errands and their receipts: projections of events."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, text

from fleet.server.database.schema import UtcDateTime, metadata
from fleet.server.events.tables import reference_where_cheap
from fleet.server.stations.tables import stations


def index_of_present(table: str, column: str) -> Index:
    """An index of the rows that say it: many do not, and one more entry for each of them would cost more than it finds."""
    where = text(f'"{column}" IS NOT NULL')
    return Index(f"ix_{table}_{column}", column, sqlite_where=where, postgresql_where=where)


AT_THE_STOCK = text("kind = 'stock'")
"""Errands of administrators at the stock. A query says it in these very words, or its index is not used."""


errands = Table(
    "errands",
    metadata,
    Column("errand", String(64), primary_key=True),
    Column("station", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("outcome", String(32)),
    Column("order", String(64)),
    Column("card_number", String(40)),
    Column("hsa_id", String(64)),
    Column("receipt", String(64)),
    reference_where_cheap("errands"),
    Index(None, "started", "station"),
    index_of_present("errands", "card_number"),
    index_of_present("errands", "order"),
    index_of_present("errands", "hsa_id"),
    Index("ix_errands_stock", "errand", sqlite_where=AT_THE_STOCK, postgresql_where=AT_THE_STOCK),
)


receipts = Table(
    "receipts",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("station", ForeignKey(stations.c.id), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="the event that holds the receipt's exact bytes"),
    Column("errand", String(64), nullable=False),
)
