"""Errands of administrators at the stock are found without reading all others."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    at_stock = sa.text("kind = 'stock'")
    op.create_index("ix_errands_stock", "errands", ["errand"], sqlite_where=at_stock, postgresql_where=at_stock)


def downgrade() -> None:
    op.drop_index("ix_errands_stock", "errands")
