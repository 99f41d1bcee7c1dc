"""A nonce is bound to the first mandate that shows it; one that a station made itself, to the one ask that it stands behind."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("login_nonces", sa.Column("mandate", sa.String(64), nullable=True))
    op.add_column("login_nonces", sa.Column("ask", sa.String(32), nullable=True))


def downgrade() -> None:
    op.drop_column("login_nonces", "ask")
    op.drop_column("login_nonces", "mandate")
