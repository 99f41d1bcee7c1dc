"""What is looked for by card number, and the orders that changed last, found by an index."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_errands_card_number", "errands", ["card_number"])
    op.create_index("ix_errands_order", "errands", ["order"])
    op.create_index("ix_orders_changed", "orders", ["changed"])


def downgrade() -> None:
    op.drop_index("ix_orders_changed", "orders")
    op.drop_index("ix_errands_order", "errands")
    op.drop_index("ix_errands_card_number", "errands")
