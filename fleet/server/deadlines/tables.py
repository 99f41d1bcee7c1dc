"""Tables of deadlines: what was done about them, and days on which stations were open.

The key (rule, subject, due, what) is what makes an act happen once, in however many processes.

>>> [column.name for column in deeds.primary_key]
['rule', 'subject', 'due', 'what']
"""

from sqlalchemy import Column, Index, String, Table

from fleet.server.database.schema import UtcDateTime, metadata

deeds = Table(
    "deeds",
    metadata,
    Column("rule", String(32), primary_key=True),
    Column("subject", String(64), primary_key=True, comment="order, card number, or the digest of a certificate"),
    Column("due", String(10), primary_key=True, comment="ISO 8601: the last day of grace"),
    Column("what", String(8), primary_key=True, comment="warned, mailed or done"),
    Column("did", String(8), nullable=False, comment="remind, void, hold or block; mail or refused"),
    Column("station", String(40), nullable=False),
    Column("card_number", String(40), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "at"),
    Index(None, "card_number"),
)


open_days = Table(
    "open_days",
    metadata,
    Column("station", String(40), primary_key=True),
    Column("day", String(10), primary_key=True, comment="ISO 8601: it received visitors then"),
)
