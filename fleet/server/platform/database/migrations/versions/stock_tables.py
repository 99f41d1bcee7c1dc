"""The bins of the stations: what fell into them, and who emptied them last."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bins",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("emptied", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("second", sa.String(64), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("sensor", sa.Integer(), nullable=True),
        sa.Column("seal", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_bins_station_stations"),
        sa.PrimaryKeyConstraint("station", name="pk_bins"),
    )
    op.create_table(
        "bin_cards",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("dropped", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_bin_cards_station_stations"),
        sa.PrimaryKeyConstraint("station", "epoch", "sequence", name="pk_bin_cards"),
    )
    op.create_index("ix_bin_cards_station_dropped", "bin_cards", ["station", "dropped"])


def downgrade() -> None:
    op.drop_index("ix_bin_cards_station_dropped", table_name="bin_cards")
    op.drop_table("bin_cards")
    op.drop_table("bins")
