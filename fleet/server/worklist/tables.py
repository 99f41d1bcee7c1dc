"""Tables of the worklist: what people did about its rows, and its e-mails. The rows themselves follow from stored facts.

>>> [column.name for column in worklist_acts.primary_key]
['id']
"""

from sqlalchemy import Column, Index, String, Table

from fleet.server.database.schema import RowId, UtcDateTime, metadata

worklist_acts = Table(
    "worklist_acts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", String(64), nullable=False, comment="card number, order, request or station"),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(80), nullable=False, comment="account or HSA-id"),
    Column("act", String(16), nullable=False, comment="take, leave, note, or an action"),
    Column("note", String(200), nullable=False),
    Index(None, "kind", "subject"),
    Index(None, "at"),
)


worklist_mails = Table(
    "worklist_mails",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("day", String(10), primary_key=True, comment="ISO 8601: the morning's e-mail went out"),
)
