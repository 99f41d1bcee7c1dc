"""Requests for certificates that people carry to the issuer's portal."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate_requests",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("loa", sa.Integer, nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain", sa.Text),
        sa.Column("given", sa.DateTime(timezone=True)),
        sa.Column("fetched", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("cause", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_certificate_requests"),
    )
    op.create_index("ix_certificate_requests_card_number", "certificate_requests", ["card_number"])
    op.create_index("ix_certificate_requests_given", "certificate_requests", ["given"])


def downgrade() -> None:
    op.drop_table("certificate_requests")
