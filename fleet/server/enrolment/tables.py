"""Tables of claims (which let a station ask for a certificate), of join keys, and of the certificates that were issued here."""

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

from fleet.server.database.schema import RowId, UtcDateTime, metadata

station_claims = Table(
    "station_claims",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", String(40), nullable=False, index=True),
    Column("salt", String(32), nullable=False),
    Column("digest", String(128), nullable=False, comment="scrypt of the secret, hex"),
    Column("made", UtcDateTime, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("asked", UtcDateTime, comment="null: nobody has used the code"),
    Column("address", String(64), comment="who asked"),
    Column("key", String(64), comment="SHA-256 of the public key that asks, hex"),
    Column("other_key", String(64), comment="another one that came with the same code"),
    Column("approved", Boolean, comment="null: nobody has decided"),
    Column("decided", UtcDateTime),
    Column("decided_by", String(64)),
    Column("join_key", RowId, comment="null: a person made it for this station"),
)

join_keys = Table(
    "join_keys",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("salt", String(32), nullable=False),
    Column("digest", String(128), nullable=False, comment="scrypt of the secret, hex"),
    Column("most", Integer, nullable=False, comment="stations"),
    Column("used", Integer, nullable=False, comment="claims that were made by it"),
    Column("made", UtcDateTime, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime, comment="by a person"),
    Column("ended_by", String(64)),
)

denied_stations = Table(
    "denied_stations",
    metadata,
    Column("station", String(40), primary_key=True),
    Column(
        "since", UtcDateTime, nullable=False, comment="what was issued until then counts no more, whoever issued it"
    ),
)

issued_certificates = Table(
    "issued_certificates",
    metadata,
    Column("serial", String(40), primary_key=True, comment="hex"),
    Column("station", String(40), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("issued", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("key", String(64), nullable=False),
    Column("claim", RowId, ForeignKey("station_claims.id"), comment="null: it renews another"),
    Column("chain", Text, nullable=False, comment="PEM: the certificate, then the issuing one"),
    Column("revoked", UtcDateTime),
    Column("revoked_by", String(64)),
)
