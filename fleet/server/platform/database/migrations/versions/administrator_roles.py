"""Roles, level, organisation scope and days of ID administrators.

Who was listed before could attend everywhere: they get the role KRA at level 3 for all stations, and nobody gets KUR.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("administrators", sa.Column("roles", sa.String(16), nullable=False, server_default="KRA"))
    op.add_column("administrators", sa.Column("level", sa.Integer(), nullable=False, server_default="3"))
    op.add_column("administrators", sa.Column("scope", sa.Text(), nullable=False, server_default="*"))
    op.add_column("administrators", sa.Column("valid_from", sa.String(10), nullable=True))
    op.add_column("administrators", sa.Column("valid_until", sa.String(10), nullable=True))
    with op.batch_alter_table("administrators") as table:  # from now on each row says it itself
        for name in ("roles", "level", "scope"):
            table.alter_column(name, server_default=None)


def downgrade() -> None:
    for name in ("valid_until", "valid_from", "scope", "level", "roles"):
        op.drop_column("administrators", name)
