"""How the card of an order comes to its holder."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("delivery", sa.String(16), nullable=False, server_default="station"))


def downgrade() -> None:
    op.drop_column("orders", "delivery")
