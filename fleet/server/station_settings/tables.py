"""Tables of stations' settings: every revision of every layer, and the site and group of each station."""

from sqlalchemy import Column, Integer, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata

settings_revisions = Table(
    "settings_revisions",
    metadata,
    Column("layer", String(46), primary_key=True, comment="fleet, group:NAME, site:NAME or station:NAME"),
    Column("revision", Integer, primary_key=True, comment="1 is the first; the highest counts"),
    Column("document", Text, nullable=False, comment="TOML, as station.toml has it, and [files]"),
    Column("reason", Text, nullable=False),
    Column("by", String(64), nullable=False, comment="who changed it, and who confirmed that"),
    Column("second", String(64)),
    Column("at", UtcDateTime, nullable=False),
)

station_places = Table(
    "station_places",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("site", String(40)),
    Column("group", String(40)),
)
