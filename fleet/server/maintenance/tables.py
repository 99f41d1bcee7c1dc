"""Table of maintenance windows. One that was ended stays for a look back."""

from sqlalchemy import Column, String, Table, Text

from fleet.server.database.schema import RowId, UtcDateTime, metadata

maintenance = Table(
    "maintenance",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("content", Text, nullable=False, comment="JSON: name, stations, and when"),
    Column("by", String(64), nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime, comment="null: it holds when its time is"),
)
