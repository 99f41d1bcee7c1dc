"""Settings of stations: every revision of every layer, and site and group of each station."""

import sqlalchemy as sa
from alembic import op

from fleet.server.database.schema import UtcDateTime

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings_revisions",
        sa.Column("layer", sa.String(46), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("second", sa.String(64)),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("layer", "revision", name="pk_settings_revisions"),
    )
    op.create_table(
        "station_places",
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("site", sa.String(40)),
        sa.Column("group", sa.String(40)),
        sa.PrimaryKeyConstraint("station", name="pk_station_places"),
    )


def downgrade() -> None:
    op.drop_table("station_places")
    op.drop_table("settings_revisions")
