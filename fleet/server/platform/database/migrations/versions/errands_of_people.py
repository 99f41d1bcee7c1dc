"""Errands are found by their person, where they say one: for the whole story of a person."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    said = sa.text("hsa_id IS NOT NULL")
    op.create_index("ix_errands_hsa_id", "errands", ["hsa_id"], sqlite_where=said, postgresql_where=said)


def downgrade() -> None:
    op.drop_index("ix_errands_hsa_id", "errands")
