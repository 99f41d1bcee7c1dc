"""Table of new tries for code letters: who wanted them and why, who agreed, and what the verifier said.

>>> [column.name for column in envelope_resets.primary_key]
['id']
"""

from sqlalchemy import Column, Index, String, Table, Text

from fleet.server.database.schema import RowId, UtcDateTime, metadata

envelope_resets = Table(
    "envelope_resets",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("order", String(64), nullable=False),
    Column("station", String(40), nullable=False, comment="of the order, when it was asked"),
    Column("reason", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("asked", UtcDateTime, nullable=False),
    Column("decide_by", UtcDateTime, nullable=False, comment="the second person's last moment"),
    Column("state", String(16), nullable=False),
    Column("second", String(64)),
    Column("claimed", UtcDateTime, comment="when a server last asked the verifier"),
    Column("ended", UtcDateTime),
    Column("result", String(16), comment="the verifier's word"),
    Index(None, "order"),
    Index(None, "state"),
)
