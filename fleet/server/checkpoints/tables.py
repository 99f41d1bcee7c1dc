"""Tables of checkpoints, countersignatures and time stamps, and of what was erased.

Rules: `checkpoints` follows from events alone but for the verdict, which a judge gives; a certificate is kept for each station
and epoch that has signed with it, from the first good checkpoint on. `countersignatures` are the server's own words about good
checkpoints: they follow from no event and stay in a rebuild, since nobody can say later what was held when. `erasures` has a row
for each erased event: content that is gone without one was not erased by us. It holds what is left of data that had changed what
pages show (`residue`), with people and cards as pseudonyms, so that a rebuild makes the same.

>>> [column.name for column in checkpoints.primary_key]
['station', 'epoch', 'sequence']
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from fleet.server.database.schema import UtcDateTime, metadata
from fleet.server.stations.tables import stations

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="of its own event"),
    Column("at", UtcDateTime, nullable=False),
    Column("verdict", String(16), comment="null until it is judged"),
    Index(None, "verdict"),
)

station_certificates = Table(
    "station_certificates",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("thumbprint", String(64), primary_key=True, comment="SHA-256 of the DER"),
    Column("der", LargeBinary, nullable=False),
    Column("seen", UtcDateTime, nullable=False),
)

countersignatures = Table(
    "countersignatures",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="of the checkpoint's own event"),
    Column("jws", Text, nullable=False),
    Column("received", UtcDateTime, nullable=False),
    Column("token", LargeBinary, comment="RFC 3161 TimeStampToken (DER) over jws; null until there is one"),
    Column("stamped", UtcDateTime, comment="when the token was got"),
    Index(None, "stamped"),
)

NOTHING_LEFT = b""
"""The residue of an event from which nothing had followed."""

erasures = Table(
    "erasures",
    metadata,
    Column("station", ForeignKey(stations.c.id), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("residue", LargeBinary, nullable=False, comment="JSON, in the place of the data; or empty"),
    Column("erased", UtcDateTime, nullable=False),
)
