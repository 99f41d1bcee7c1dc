"""Tables of stations and of the alarms that are kept about them."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from fleet.server.platform.database.schema import UtcDateTime, metadata

stations = Table(
    "stations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("online", Boolean, nullable=False, default=False),
    Column("state", Text, comment="the last StationState, as JSON"),
    Column("heard", UtcDateTime),
)


alarms = Table(
    "alarms",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("code", String(32), primary_key=True),
    Column("argument", Text, nullable=False),
    Column("first", UtcDateTime, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
)
