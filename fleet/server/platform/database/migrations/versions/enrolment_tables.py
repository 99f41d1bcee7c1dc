"""Claims of stations that enrol over the network, and the certificates that were issued to them."""

import sqlalchemy as sa
from alembic import op

from fleet.server.platform.database.schema import RowId, UtcDateTime

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "station_claims",
        sa.Column("id", RowId, primary_key=True),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False, comment="scrypt of the secret, hex"),
        sa.Column("made", UtcDateTime, nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("expires", UtcDateTime, nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("asked", UtcDateTime, comment="null: nobody has used the code"),
        sa.Column("address", sa.String(64), comment="who asked"),
        sa.Column("key", sa.String(64), comment="SHA-256 of the public key that asks, hex"),
        sa.Column("other_key", sa.String(64), comment="another one that came with the same code"),
        sa.Column("approved", sa.Boolean, comment="null: nobody has decided"),
        sa.Column("decided", UtcDateTime),
        sa.Column("decided_by", sa.String(64)),
    )
    op.create_index("ix_station_claims_station", "station_claims", ["station"])
    op.create_table(
        "issued_certificates",
        sa.Column("serial", sa.String(40), primary_key=True, comment="hex"),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("issued", UtcDateTime, nullable=False),
        sa.Column("not_after", UtcDateTime, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("claim", RowId, sa.ForeignKey("station_claims.id"), comment="null: it renews another"),
        sa.Column("chain", sa.Text, nullable=False, comment="PEM: the certificate, then the issuing one"),
        sa.Column("revoked", UtcDateTime),
        sa.Column("revoked_by", sa.String(64)),
    )
    op.create_index("ix_issued_certificates_station", "issued_certificates", ["station"])


def downgrade() -> None:
    op.drop_table("issued_certificates")
    op.drop_table("station_claims")
