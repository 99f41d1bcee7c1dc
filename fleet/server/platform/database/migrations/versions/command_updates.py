"""Commands name the bundle that a station shall update from."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("commands", sa.Column("update_order", sa.Text))


def downgrade() -> None:
    op.drop_column("commands", "update_order")  # not in a batch: rows of other tables point at these
