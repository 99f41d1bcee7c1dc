"""Slots with a card that could not show that it is genuine."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reserve_cards", sa.Column("quarantined", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("reserve_cards") as table:  # from now on each row says it itself
        table.alter_column("quarantined", server_default=None)


def downgrade() -> None:
    op.drop_column("reserve_cards", "quarantined")
