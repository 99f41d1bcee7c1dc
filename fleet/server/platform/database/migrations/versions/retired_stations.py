"""When a station was retired, by whom and why; null where it is in the fleet."""

import sqlalchemy as sa
from alembic import op

from fleet.server.platform.database.schema import UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("retired", UtcDateTime(), nullable=True))
    op.add_column("stations", sa.Column("retired_by", sa.String(64), nullable=True))
    op.add_column("stations", sa.Column("retired_why", sa.Text(), nullable=True))


def downgrade() -> None:
    for column in ("retired_why", "retired_by", "retired"):
        op.drop_column("stations", column)
