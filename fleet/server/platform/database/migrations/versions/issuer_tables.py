"""What stations asked of the issuer, and nonces for log-in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wishes",
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("ask", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("station", "id", name="pk_wishes"),
    )
    op.create_index("ix_wishes_station_ask_at", "wishes", ["station", "ask", "at"])
    op.create_index("ix_wishes_card_number", "wishes", ["card_number"])
    op.create_table(
        "login_nonces",
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_login_nonces"),
    )


def downgrade() -> None:
    op.drop_table("login_nonces")
    op.drop_index("ix_wishes_card_number", table_name="wishes")
    op.drop_index("ix_wishes_station_ask_at", table_name="wishes")
    op.drop_table("wishes")
