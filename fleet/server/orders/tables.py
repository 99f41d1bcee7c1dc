"""Tables of orders: as imported and moved by events, their starts for a rebuild, and deliveries of order systems."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata

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
    Column("delivery", String(16), nullable=False, server_default="station", comment="station or post"),
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


deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True, comment="of a message of an order system: taken once"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of its body"),
    Column("received", UtcDateTime, nullable=False),
    Index(None, "received"),
)
