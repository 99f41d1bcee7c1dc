"""A local account is bound to an HSA-id by two administrators, for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("hsa_until", sa.DateTime(timezone=True)))
    op.create_table(
        "hsa_bindings",
        sa.Column("user", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decide_by", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_hsa_bindings_user"),
        sa.PrimaryKeyConstraint("user", name="pk_hsa_bindings"),
    )


def downgrade() -> None:
    op.drop_table("hsa_bindings")
    op.drop_column("users", "hsa_until")  # not in a batch: rows of other tables point at these
