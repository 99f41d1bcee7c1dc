"""Tables of alerts: what is wrong where, since when, who acknowledged it; and the queue of notices to people.

Rules: at most one open alert for each (station, code, subject), which the database itself keeps; a word stays in the queue
until its channel has taken it, or it was given up, and then it stays visible. A word is about an alert, or about a command that
waits for a second person: one for each command and channel.

>>> [column.name for column in alerts.primary_key]
['id']
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from fleet.server.database.schema import RowId, UtcDateTime, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", String(40), nullable=False, comment="a name; empty: the whole fleet"),
    Column("code", String(32), nullable=False),
    Column("subject", String(64), nullable=False, comment="which device, slot, product; empty where there is one only"),
    Column("severity", String(8), nullable=False),
    Column("detail", Text, nullable=False),
    Column("first", UtcDateTime, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
    Column("silent", Boolean, nullable=False, comment="a maintenance window keeps it from people"),
    Column("closed", UtcDateTime, comment="null while it is open"),
    Column("acknowledged", UtcDateTime),
    Column("by", String(64)),
    Column("note", Text),
    Column("stations", Integer, comment="at how many stations, where it is an outage; null: of one, or of the fleet"),
    Column("still", Integer, comment="at how many of them it is so still; null where it is no outage"),
    Column("outage", RowId, comment="the alert of many stations that it is part of"),
    Index(None, "closed", "last"),
    Index(None, "outage"),
)

Index(
    "uq_alerts_open",
    alerts.c.station,
    alerts.c.code,
    alerts.c.subject,
    unique=True,
    sqlite_where=alerts.c.closed.is_(None),
    postgresql_where=alerts.c.closed.is_(None),
)

notices = Table(
    "notices",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("alert", ForeignKey("alerts.id"), comment="what it is about; null: the command"),
    Column("command", ForeignKey("commands.id"), comment="that waits for a second person; null: the alert"),
    Column("channel", String(40), nullable=False),
    Column("what", String(8), nullable=False, comment="opened, closed; waiting: the command"),
    Column("made", UtcDateTime, nullable=False),
    Column("due", UtcDateTime, comment="when it is tried next; null once it is sent or given up"),
    Column("tries", Integer, nullable=False),
    Column("sent", UtcDateTime),
    Column("error", Text, comment="why the last try failed, in words"),
    Column(
        "uid", String(36), comment="for its receivers: random, and the same at each try; null: of a program of before"
    ),
    Index(None, "due"),
    Index(None, "alert"),
    Index("uq_notices_command", "command", "channel", unique=True),
)
