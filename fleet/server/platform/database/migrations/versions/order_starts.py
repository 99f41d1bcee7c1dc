"""Where each order stood when it was last imported, and after which event: what a rebuild begins from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_starts",
        sa.Column("order", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order"], ["orders.order"], name="fk_order_starts_order_orders", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order", name="pk_order_starts"),
    )
    op.execute(
        'INSERT INTO order_starts ("order", state, slot, changed, "after") SELECT "order", state, slot, changed,'
        " (SELECT COALESCE(MAX(id), 0) FROM events) FROM orders"
    )


def downgrade() -> None:
    op.drop_table("order_starts")
