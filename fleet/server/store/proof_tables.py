"""The tables of what proves the chains, and of what was erased.

Rules: `checkpoints` follows from events alone but for the verdict, which a judge gives; a certificate is kept for each station
and epoch that has signed with it, from the first good checkpoint on. `erasures` has a row for each erased event whose data had
changed what pages show: what is left of it (`residue`), with people and cards as pseudonyms, so that a rebuild makes the same.

>>> [column.name for column in checkpoints.primary_key]
['station', 'epoch', 'sequence']
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from fleet.server.store.tables import UtcDateTime, metadata

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, comment="of its own event"),
    Column("at", UtcDateTime, nullable=False),
    Column("verdict", String(16), comment="null until it is judged"),
    Index(None, "verdict"),
)

station_certificates = Table(
    "station_certificates",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("thumbprint", String(64), primary_key=True, comment="SHA-256 of the DER"),
    Column("der", LargeBinary, nullable=False),
    Column("seen", UtcDateTime, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    Column("station", ForeignKey("stations.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("residue", LargeBinary, nullable=False, comment="JSON, in the place of the data"),
    Column("erased", UtcDateTime, nullable=False),
)
