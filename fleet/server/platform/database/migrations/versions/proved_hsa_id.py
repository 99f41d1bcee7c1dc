"""The HSA-id that the issuer of identities proved for an account."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("hsa_id", sa.String(64), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "hsa_id")
