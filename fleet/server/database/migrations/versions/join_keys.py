"""Join keys, and which of them made a station's claim."""

import sqlalchemy as sa
from alembic import op

from fleet.server.database.schema import RowId, UtcDateTime

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("station_claims", sa.Column("join_key", RowId))
    op.create_table(
        "join_keys",
        sa.Column("id", RowId, nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("made", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.Column("ended", UtcDateTime()),
        sa.Column("ended_by", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_join_keys"),
    )


def downgrade() -> None:
    op.drop_table("join_keys")
    op.execute("ALTER TABLE station_claims DROP COLUMN join_key")  # in place: other tables refer to it
