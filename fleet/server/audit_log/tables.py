"""Tables of the audit log: the hash chain of entries, and its head."""

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, event

from fleet.server.database.schema import UtcDateTime, metadata

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("entry", Text, nullable=False, comment="JSON, exact bytes; with the hash of the entry before"),
    Column("hash", String(64), nullable=False),
    Index(None, "who"),
    Index(None, "action"),
)


audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1: locked while an entry is added"),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)


@event.listens_for(audit_head, "after_create")
def _begin_chain(table: Table, connection: Connection, **_: object) -> None:
    connection.execute(table.insert().values(id=1, sequence=0, hash=""))
