"""The tables of the fleet store, for SQLite and PostgreSQL alike.

Rules: an event's exact bytes are kept in two parts (`envelope`; `data` with `salt`), so that erasing takes the second
and leaves the chain. `(station, epoch, sequence)` is unique: that, and not a filter, is what takes each event once.
What follows from events (errands, receipts, the state of an order) is written in the same transaction as they are.

Times are stored in UTC and come back aware:

>>> UtcDateTime().process_result_value(datetime(2026, 1, 1), None)
datetime.datetime(2026, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC also where the database knows no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


RowId = BigInteger().with_variant(Integer, "sqlite")
"""A growing key: SQLite makes one of INTEGER alone."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _said(table: str, column: str) -> Index:
    """An index of the rows that say it: many do not, and one more entry for each of them would cost more than it finds."""
    where = text(f'"{column}" IS NOT NULL')
    return Index(f"ix_{table}_{column}", column, sqlite_where=where, postgresql_where=where)


stations = Table(
    "stations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("online", Boolean, nullable=False, default=False),
    Column("state", Text, comment="the last StationState, as JSON"),
    Column("heard", UtcDateTime),
)

chains = Table(
    "chains",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("highest", BigInteger, nullable=False, comment="the highest sequence that is held"),
    Column("gaps", Text, nullable=False, comment="JSON: inclusive ranges below `highest` that are not held"),
    Column("head", String(64), comment="hash of the event at `highest`; null where it could not be read"),
    Column("intact", Boolean, nullable=False, comment="every stored event follows the stored one before it"),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column(
        "station", ForeignKey("stations.id"), nullable=False, comment="on PostgreSQL its chain's row vouches for it"
    ),
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
    UniqueConstraint("station", "epoch", "sequence"),
    Index(None, "errand"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", ForeignKey("stations.id"), nullable=False),
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
    Column("station", ForeignKey("stations.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("received", UtcDateTime, nullable=False),
    UniqueConstraint("station", "epoch", "sequence", "digest"),
)

orders = Table(
    "orders",
    metadata,
    Column("order", String(64), primary_key=True),
    Column("hsa_id", String(64), nullable=False),
    Column("name", Text, comment="null for a protected identity"),
    Column("protected", Boolean, nullable=False),
    Column("card_number", String(40), nullable=False),
    Column("product", Text, nullable=False),
    Column("loa", Integer, nullable=False),
    Column("station", String(40), nullable=False, comment="a name: it may not have spoken yet"),
    Column("slot", Integer, nullable=False),
    Column("last_day", String(10), nullable=False, comment="ISO 8601"),
    Column("envelope_key", String(64)),
    Column("envelope_mac", String(64), comment="HMAC-SHA-256 as hex; never a code"),
    Column("state", String(16), nullable=False),
    Column("changed", UtcDateTime, nullable=False),
    Column("made", UtcDateTime, nullable=False, comment="first imported, or anew after it was closed"),
    Index(None, "station", "state"),
    Index(None, "hsa_id"),
    Index(None, "card_number"),
    Index(None, "state", "changed"),
    Index(None, "state", "made"),
    Index(None, "changed"),
)

order_starts = Table(
    "order_starts",
    metadata,
    Column("order", ForeignKey("orders.order", ondelete="CASCADE"), primary_key=True),
    Column("state", String(16), nullable=False, comment="as it was when the order was last imported"),
    Column("slot", Integer, nullable=False),
    Column("changed", UtcDateTime, nullable=False),
    Column("after", BigInteger, nullable=False, comment="events up to this id came before and move it no more"),
)

administrators = Table(
    "administrators",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", String(16), nullable=False, comment="KRA, KUR, with a space between"),
    Column("level", Integer, nullable=False, comment="level of assurance (LoA) up to which they act"),
    Column("scope", Text, nullable=False, comment="patterns of station names, with spaces between"),
    Column("valid_from", String(10), comment="first day; null without"),
    Column("valid_until", String(10), comment="last day; null without"),
)

errands = Table(
    "errands",
    metadata,
    Column("errand", String(64), primary_key=True),
    Column("station", ForeignKey("stations.id"), primary_key=True, comment="as of an event"),
    Column("kind", String(32), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("outcome", String(32)),
    Column("order", String(64)),
    Column("card_number", String(40)),
    Column("hsa_id", String(64)),
    Column("receipt", String(64)),
    Index(None, "started", "station"),
    _said("errands", "card_number"),
    _said("errands", "order"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("number", String(64), primary_key=True),
    Column("station", ForeignKey("stations.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False, comment="the event that holds the receipt's exact bytes"),
    Column("errand", String(64), nullable=False),
)

bins = Table(
    "bins",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("emptied", UtcDateTime, nullable=False),
    Column("by", String(64), nullable=False, comment="HSA-id of one administrator"),
    Column("second", String(64), nullable=False, comment="and of the other"),
    Column("counted", Integer, nullable=False),
    Column("expected", Integer, nullable=False, comment="by the station's own list"),
    Column("sensor", Integer, comment="by the cabinet; null where it did not say"),
    Column("seal", String(32), nullable=False, comment="number of the sealed bag"),
    Column("reason", String(32), nullable=False, comment="of a difference; empty where there was none"),
    Column("reference", String(32), nullable=False),
)

bin_cards = Table(
    "bin_cards",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("card_number", String(40), nullable=False),
    Column("dropped", UtcDateTime, nullable=False),
    Index(None, "station", "dropped"),
    Index(None, "card_number"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("code", String(32), primary_key=True),
    Column("argument", Text, nullable=False),
    Column("first", UtcDateTime, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
)

wishes = Table(
    "wishes",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("id", String(32), primary_key=True, comment="made by the station: done once"),
    Column("ask", String(32), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the exact question"),
    Column("card_number", String(40), nullable=False),
    Column("people", Text, nullable=False, comment="JSON: HSA-ids of those in whose name it was asked"),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(64)),
    Column("result", Text, comment="JSON, to say again; null where a repetition is asked anew"),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "station", "ask", "at"),
    Index(None, "card_number"),
)

login_nonces = Table(
    "login_nonces",
    metadata,
    Column("nonce", String(32), primary_key=True),
    Column("station", String(40), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("mandate", String(64), comment="SHA-256 of the first mandate that showed it"),
    Column("ask", String(32), comment="of a nonce that the station made: the one ask that it stands behind"),
)
