"""The tables of changes that programs ask for: answers kept by key, and maintenance windows.

Rules: of who asked, and with which key, only a SHA-256 is kept. A window that was ended stays for a look back.

>>> replies.c.hash.type.length
64
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from fleet.server.platform.database.tables import RowId, UtcDateTime, metadata

replies = Table(
    "replies",
    metadata,
    Column("hash", String(64), primary_key=True, comment="SHA-256 of who asked and the key"),
    Column("request", String(64), nullable=False, comment="SHA-256 of method, address and body"),
    Column("began", UtcDateTime, nullable=False),
    Column("status", Integer, comment="null: under way, or broke off"),
    Column("body", LargeBinary, comment="null with a status: the answer held a secret"),
    Index(None, "began"),
)

maintenance = Table(
    "maintenance",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("content", Text, nullable=False, comment="JSON: name, stations, and when"),
    Column("by", String(64), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime, comment="null: it holds when its time is"),
)
