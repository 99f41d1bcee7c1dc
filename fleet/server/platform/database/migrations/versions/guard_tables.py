"""Guards: a clock that leapt waits for a person, and so do batches of too many rows."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deadline_clock", sa.Column("leapt", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "batch_stops",
        sa.Column("batch", sa.String(40), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("found", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("batch", name="pk_batch_stops"),
    )


def downgrade() -> None:
    op.drop_table("batch_stops")
    op.drop_column("deadline_clock", "leapt")
