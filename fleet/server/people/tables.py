"""Tables of people: the directory, and ID administrators."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from fleet.server.platform.database.schema import UtcDateTime, metadata

administrators = Table(
    "administrators",
    metadata,
    Column("hsa_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", String(16), nullable=False, comment="KRA, KUR, with a space between"),
    Column("level", Integer, nullable=False, comment="level of assurance (LoA) up to which they act"),
    Column("scope", Text, nullable=False, comment="patterns of station names, with spaces between"),
    Column("valid_from", String(10), comment="first day; null without"),
    Column("valid_until", String(10), comment="last day; null without"),
)


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
