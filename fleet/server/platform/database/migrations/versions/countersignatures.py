"""The server's countersignatures of checkpoints, and their time stamps."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "countersignatures",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("received", TIME, nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("stamped", TIME, nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_countersignatures_station_stations"),
        sa.PrimaryKeyConstraint("station", "epoch", "sequence", name="pk_countersignatures"),
    )
    op.create_index("ix_countersignatures_stamped", "countersignatures", ["stamped"])


def downgrade() -> None:
    op.drop_table("countersignatures")
