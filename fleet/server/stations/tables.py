"""Tables of stations and of the alarms that are kept about them."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, select

from fleet.server.database.schema import UtcDateTime, metadata

stations = Table(
    "stations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("online", Boolean, nullable=False, default=False),
    Column("state", Text, comment="the last StationState, as JSON"),
    Column("heard", UtcDateTime),
    Column("retired", UtcDateTime, comment="null: it is in the fleet"),
    Column("retired_by", String(64), comment="who did it, as the audit names them"),
    Column("retired_why", Text),
)

IN_FLEET = stations.c.retired.is_(None)
"""The one definition of a station that lists, counts, figures and alerts are about: it is not retired."""
RETIRED_NAMES = select(stations.c.name).where(stations.c.retired.is_not(None))
"""For tables that name stations without their key."""


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
