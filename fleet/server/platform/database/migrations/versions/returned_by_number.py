"""Cards that were returned by their number alone, and bins that held other cards than the list said."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bin_cards", sa.Column("by_number", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("bins", sa.Column("differs", sa.Boolean(), nullable=False, server_default=sa.false()))
    bins = sa.table("bins", sa.column("differs"), sa.column("counted"), sa.column("expected"))
    op.execute(bins.update().values(differs=bins.c.counted != bins.c.expected))


def downgrade() -> None:
    op.drop_column("bins", "differs")
    op.drop_column("bin_cards", "by_number")
