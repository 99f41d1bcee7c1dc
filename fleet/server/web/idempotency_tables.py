"""Table of idempotency keys: answers to changes that programs ask for, kept by key.

Of who asked, and with which key, only a SHA-256 is kept.

>>> replies.c.hash.type.length
64
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from fleet.server.database.schema import UtcDateTime, metadata

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
