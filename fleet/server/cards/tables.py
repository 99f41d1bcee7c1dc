"""The tables around orders: people of the directory, certificates, reserve cards in slots, requests to the issuer, deadlines
that were acted upon, and messages of order systems.

Rules: a deadline's deed has the key (rule, subject, due, what), which is what makes it happen once, in however many processes. A
request stays in the queue until the issuer has said yes or no, and stays visible after.

>>> [column.name for column in deeds.primary_key]
['rule', 'subject', 'due', 'what']
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from fleet.server.platform.database.tables import UtcDateTime, metadata

people = Table(
    "people",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("name", Text, comment="null for a protected identity"),
    Column("protected", Boolean, nullable=False),
    Column("left", String(10), comment="ISO 8601: the day on which the last assignment ended"),
    Column("continued", Boolean, nullable=False, comment="another assignment in the region follows"),
    Column("name_changed", String(10), comment="ISO 8601"),
    Column("changed", UtcDateTime, nullable=False),
    Index(None, "left"),
    Index(None, "name_changed"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("card_number", String(40), primary_key=True),
    Column("serial", String(64), primary_key=True, comment="hex"),
    Column("hsa_id", String(64), nullable=False),
    Column("profile", String(16), nullable=False),
    Column("loa", Integer, nullable=False),
    Column("last_day", String(10), nullable=False, comment="ISO 8601"),
    Column("station", String(40), nullable=False, comment="where it was asked for"),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "last_day"),
)

reserve_cards = Table(
    "reserve_cards",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("card_number", String(40), nullable=False),
    Column("lies", Boolean, nullable=False, comment="false: it was taken out"),
    Column("at", UtcDateTime, nullable=False),
    Column("quarantined", Boolean, nullable=False, comment="it could not show that it is genuine"),
    Index(None, "lies", "at"),
)

requests = Table(
    "requests",
    metadata,
    Column("station", String(40), primary_key=True, comment="that asked; empty: the server itself"),
    Column("id", String(32), primary_key=True),
    Column("ask", String(16), nullable=False),
    Column("content", Text, nullable=False, comment="JSON: the exact question"),
    Column("card_number", String(40), nullable=False),
    Column("who", String(64), nullable=False, comment="HSA-id, account or rule in whose name it was asked"),
    Column("made", UtcDateTime, nullable=False),
    Column("state", String(8), nullable=False, comment="waiting, done or declined"),
    Column("tries", Integer, nullable=False),
    Column("due", UtcDateTime, comment="the next try; null once it is settled"),
    Column("tried", UtcDateTime, comment="the last try"),
    Column("error", Text, comment="why the last try came to nothing, in words; or the reason of a refusal"),
    Index(None, "state", "made"),
    Index(None, "due"),
    Index(None, "card_number"),
)

deeds = Table(
    "deeds",
    metadata,
    Column("rule", String(32), primary_key=True),
    Column("subject", String(64), primary_key=True, comment="order or card number"),
    Column("due", String(10), primary_key=True, comment="ISO 8601: the last day of grace"),
    Column("what", String(8), primary_key=True, comment="warned or done"),
    Column("did", String(8), nullable=False, comment="remind, void, hold or block"),
    Column("station", String(40), nullable=False),
    Column("card_number", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "at"),
    Index(None, "card_number"),
)

deadline_clock = Table(
    "deadline_clock",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seen", UtcDateTime, nullable=False, comment="when deadlines were last looked at"),
    Column("steady", UtcDateTime, nullable=False, comment="since when the clock has gone on without a leap"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(64), primary_key=True, comment="of a message of an order system: taken once"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of its body"),
    Column("received", UtcDateTime, nullable=False),
    Index(None, "received"),
)
