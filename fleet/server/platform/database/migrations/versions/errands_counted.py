"""Today's errands of each station, counted from an index alone: every list of stations asks for that."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_errands_started_station", "errands", ["started", "station"])
    op.drop_index("ix_errands_started", "errands")


def downgrade() -> None:
    op.create_index("ix_errands_started", "errands", ["started"])
    op.drop_index("ix_errands_started_station", "errands")
