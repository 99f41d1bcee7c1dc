"""New tries for code letters, as two persons want them."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "envelope_resets",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("order", sa.String(64), nullable=False),
        sa.Column("station", sa.String(40), nullable=False, comment="of the order, when it was asked"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("asked", TIME, nullable=False),
        sa.Column("decide_by", TIME, nullable=False, comment="the second person's last moment"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("second", sa.String(64)),
        sa.Column("claimed", TIME, comment="when a server last asked the verifier"),
        sa.Column("ended", TIME),
        sa.Column("result", sa.String(16), comment="the verifier's word"),
        sa.PrimaryKeyConstraint("id", name="pk_envelope_resets"),
    )
    op.create_index("ix_envelope_resets_order", "envelope_resets", ["order"])
    op.create_index("ix_envelope_resets_state", "envelope_resets", ["state"])


def downgrade() -> None:
    op.drop_table("envelope_resets")
