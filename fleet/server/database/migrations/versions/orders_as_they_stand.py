"""Orders stand as they are: what moved them so far was told by events, and a rebuild does not play these again."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM order_starts")
    op.execute(
        'INSERT INTO order_starts ("order", state, slot, changed, after)'
        ' SELECT "order", state, slot, changed, (SELECT coalesce(max(id), 0) FROM events) FROM orders'
    )


def downgrade() -> None:
    pass
