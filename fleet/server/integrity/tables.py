"""Tables of the nightly check of the store: how far each chain was seen, and what came of the last check."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata
from fleet.server.stations.tables import stations

verified_chains = Table(
    "verified_chains",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("through", BigInteger, nullable=False, comment="all up to this sequence was seen"),
    Column("head", String(64), comment="hash of the event there; null where it could not be read"),
)

store_checks = Table(
    "store_checks",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False, comment="always 1: the last check"),
    Column("at", UtcDateTime, nullable=False),
    Column("whole_at", UtcDateTime, comment="when all of the store was last looked at"),
    Column("events", BigInteger, nullable=False, comment="how many events were looked at"),
    Column("total", BigInteger, nullable=False, comment="how many differences"),
    Column("differences", Text, nullable=False, comment="JSON: the first of them"),
)
