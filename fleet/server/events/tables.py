"""Tables of station events: chains, events, the quarantine (dead letters) of what cannot be read, and conflicts.

An event's exact bytes are kept in two parts (`envelope`; `data` with `salt`), so that erasing takes the second and leaves the
chain. `(station, epoch, sequence)` is unique: that, and not a filter, is what takes each event once.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from fleet.server.database.schema import RowId, UtcDateTime, metadata
from fleet.server.stations.tables import stations

chains = Table(
    "chains",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("highest", BigInteger, nullable=False, comment="the highest sequence that is held"),
    Column("gaps", Text, nullable=False, comment="JSON: inclusive ranges below `highest` that are not held"),
    Column("head", String(64), comment="hash of the event at `highest`; null where it could not be read"),
    Column("intact", Boolean, nullable=False, comment="every stored event follows the stored one before it"),
)


def reference_where_cheap(table: str) -> ForeignKeyConstraint:
    """Reference to the station of an event, or of what follows from it, on SQLite. On PostgreSQL the look-up is five sixths of
    what a row costs, and the row of its chain, written in the same transaction and never deleted, refers to the station."""
    name = f"fk_{table}_station"
    return ForeignKeyConstraint(["station"], [stations.c.id], name=name).ddl_if(dialect="sqlite")


events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("time", Text, nullable=False),
    Column("subject", Text),
    Column("errand", Text, comment="from the data, for look-up"),
    Column("envelope", LargeBinary, nullable=False),
    Column("data", LargeBinary, comment="null once erased"),
    Column("salt", Text, comment="null once erased"),
    Column("received", UtcDateTime, nullable=False),
    reference_where_cheap("events"),
    UniqueConstraint("station", "epoch", "sequence"),
    Index(None, "errand"),
)


quarantine = Table(
    "quarantine",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", ForeignKey(stations.c.id), nullable=False),
    Column("epoch", BigInteger, comment="null where the sender did not say"),
    Column("sequence", BigInteger),
    Column("kind", String(16), nullable=False, comment="the topic's last part"),
    Column("raw", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("received", UtcDateTime, nullable=False),
    UniqueConstraint("station", "digest"),
    Index(None, "station", "epoch", "sequence"),
)


conflicts = Table(
    "conflicts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", ForeignKey(stations.c.id), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("received", UtcDateTime, nullable=False),
    UniqueConstraint("station", "epoch", "sequence", "digest"),
)
