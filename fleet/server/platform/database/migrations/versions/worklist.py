"""The worklist: what people did about its rows, and why a hold was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("wishes", sa.Column("hold_reason", sa.String(16), nullable=True))
    op.create_index("ix_wishes_ask_outcome", "wishes", ["ask", "outcome"])
    op.create_index("ix_wishes_card_number_ask_outcome", "wishes", ["card_number", "ask", "outcome"])
    op.create_table(
        "worklist_acts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worklist_acts"),
    )
    op.create_index("ix_worklist_acts_kind_subject", "worklist_acts", ["kind", "subject"])
    op.create_index("ix_worklist_acts_at", "worklist_acts", ["at"])
    op.create_table(
        "worklist_mails",
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("channel", "day", name="pk_worklist_mails"),
    )


def downgrade() -> None:
    op.drop_table("worklist_mails")
    op.drop_index("ix_worklist_acts_at", table_name="worklist_acts")
    op.drop_index("ix_worklist_acts_kind_subject", table_name="worklist_acts")
    op.drop_table("worklist_acts")
    op.drop_index("ix_wishes_card_number_ask_outcome", table_name="wishes")
    op.drop_index("ix_wishes_ask_outcome", table_name="wishes")
    op.drop_column("wishes", "hold_reason")
