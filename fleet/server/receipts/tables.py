"""Table of receipts that holders want by e-mail: a queue. No address is in it."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata
from fleet.server.stations.tables import stations

receipt_mails = Table(
    "receipt_mails",
    metadata,
    Column("number", String(64), primary_key=True, comment="of the receipt"),
    Column("station", ForeignKey(stations.c.id), nullable=False),
    Column("errand", String(64), nullable=False),
    Column("statement", Text, nullable=False, comment="text of the QR code; empty once nothing is sent any more"),
    Column("wanted", UtcDateTime, nullable=False),
    Column("state", String(8), nullable=False, comment="waiting, sent or refused"),
    Column("tries", Integer, nullable=False),
    Column("due", UtcDateTime, comment="when it is tried next; null: never again"),
    Column("error", String(24), comment="why it was refused"),
    Index(None, "due"),
    Index(None, "state"),
)
