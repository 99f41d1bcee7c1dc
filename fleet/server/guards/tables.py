"""Tables of guards: the clock as it was last looked at, and batches that wait for a person.

>>> [column.name for column in batch_stops.primary_key]
['batch']
"""

from sqlalchemy import Column, Integer, String, Table

from fleet.server.database.schema import UtcDateTime, metadata

server_clock = Table(
    "deadline_clock",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seen", UtcDateTime, nullable=False, comment="when the clock was last looked at"),
    Column("steady", UtcDateTime, nullable=False, comment="since when it is known"),
    Column("leapt", UtcDateTime, comment="what it showed last before it leapt; null while nobody has to confirm it"),
)


batch_stops = Table(
    "batch_stops",
    metadata,
    Column("batch", String(40), primary_key=True),
    Column("due", Integer, nullable=False, comment="rows that would have gone within a day"),
    Column("most", Integer, nullable=False, comment="that may go without a person"),
    Column("found", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, comment="a person has said so: as many as were due may go until then"),
)
