"""Checkpoints of the chains, certificates of those who signed them, and what is left of erased events."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checkpoints",
        *_place("checkpoints"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=True),
    )
    op.create_index("ix_checkpoints_verdict", "checkpoints", ["verdict"])
    op.create_table(
        "station_certificates",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("thumbprint", sa.String(64), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_station_certificates_station_stations"),
        sa.PrimaryKeyConstraint("station", "epoch", "thumbprint", name="pk_station_certificates"),
    )
    op.create_table(
        "erasures",
        *_place("erasures"),
        sa.Column("residue", sa.LargeBinary(), nullable=False),
        sa.Column("erased", sa.DateTime(timezone=True), nullable=False),
    )


def _place(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """The key of an event."""
    return (
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=f"fk_{table}_station_stations"),
        sa.PrimaryKeyConstraint("station", "epoch", "sequence", name=f"pk_{table}"),
    )


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_table("station_certificates")
    op.drop_table("checkpoints")
