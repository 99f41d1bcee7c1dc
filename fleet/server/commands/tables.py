"""Table of station commands: who wanted what and why, who agreed, when it went out, and its result.

Rules: a row is never deleted. `sequence` is given when a command is signed, so that what was withdrawn or never agreed to has
used up none. Nothing here says more of a person than the account's name.

>>> [column.name for column in commands.primary_key]
['id']
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from fleet.server.database.schema import RowId, UtcDateTime, metadata

commands = Table(
    "commands",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", String(40), nullable=False, comment="a name"),
    Column("command", String(16), nullable=False),
    Column("slot", Integer),
    Column("message", String(16), comment="what visitors are told; of out_of_service"),
    Column("update_order", Text, comment="JSON: the bundle; of update"),
    Column("reason", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("asked", UtcDateTime, nullable=False),
    Column("valid_s", Integer, nullable=False, comment="how long it is good for, once issued"),
    Column("state", String(16), nullable=False),
    Column("decide_by", UtcDateTime, comment="the second person's last moment; null where none is needed"),
    Column("second", String(64)),
    Column("approved", UtcDateTime),
    Column("sequence", BigInteger, comment="null until it is issued"),
    Column("not_after", UtcDateTime, comment="null while it waits"),
    Column("jws", Text, comment="as it is published"),
    Column("digest", String(64), comment="SHA-256 of that"),
    Column("published", UtcDateTime),
    Column("ended", UtcDateTime),
    Column("ended_by", String(64), comment="who withdrew it"),
    Column("result", String(160), comment="the reason of the station's answer, as a code"),
    Column("detail", Text, comment="JSON: devices and lines of the station's answer"),
    UniqueConstraint("station", "sequence"),
    Index(None, "state"),
    Index(None, "station", "asked"),
)
