"""Receipts that holders want by e-mail."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_mails",
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("errand", sa.String(64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("wanted", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(24), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_receipt_mails_station"),
        sa.PrimaryKeyConstraint("number", name="pk_receipt_mails"),
    )
    op.create_index("ix_receipt_mails_due", "receipt_mails", ["due"])
    op.create_index("ix_receipt_mails_state", "receipt_mails", ["state"])


def downgrade() -> None:
    op.drop_index("ix_receipt_mails_state", table_name="receipt_mails")
    op.drop_index("ix_receipt_mails_due", table_name="receipt_mails")
    op.drop_table("receipt_mails")
