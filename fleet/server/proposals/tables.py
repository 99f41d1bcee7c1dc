"""Tables of proposals: what, who, why, and who was told of it. A row is never deleted, and what it proposes never changed."""

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from fleet.server.database.schema import RowId, UtcDateTime, metadata

proposals = Table(
    "proposals",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column(
        "target", String(64), nullable=False, comment="HSA-id, account, station, batch, layer or digest of a bundle"
    ),
    Column("content", Text, nullable=False, comment="JSON: exactly what takes effect"),
    Column("reason", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("asked", UtcDateTime, nullable=False),
    Column("decide_by", UtcDateTime, nullable=False, comment="the second person's last moment"),
    Column("state", String(16), nullable=False),
    Column("second", String(64)),
    Column("confirmed", UtcDateTime),
    Column("due", UtcDateTime, comment="when it takes effect; null before it is confirmed"),
    Column("ended", UtcDateTime),
    Column("ended_by", String(64), comment="who withdrew it, or said no"),
    Column("outcome", Text, comment="why somebody said no, or why it could not take effect"),
    Column("first_half", String(64), comment="SHA-256 of the half of a set-up code that the proposer saw"),
    Column("second_half", String(64), comment="of the one that the second person saw"),
    Index(None, "state"),
)

proposal_notices = Table(
    "proposal_notices",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("proposal", ForeignKey("proposals.id"), nullable=False),
    Column("who", String(64), nullable=False, comment="an account, or an HSA-id"),
    Column("why", String(16), nullable=False, comment="proposed, decides or administrator"),
    Column("address", Text, nullable=False, comment="e-mail, as account or directory has it"),
    Column("sent", UtcDateTime),
    Column("result", String(16), comment="mail, or refused"),
    Index(None, "proposal"),
)
