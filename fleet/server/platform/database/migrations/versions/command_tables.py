"""Commands to stations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "commands",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("command", sa.String(16), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("message", sa.String(16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("asked", TIME, nullable=False),
        sa.Column("valid_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("decide_by", TIME, nullable=True),
        sa.Column("second", sa.String(64), nullable=True),
        sa.Column("approved", TIME, nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("not_after", TIME, nullable=True),
        sa.Column("jws", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=True),
        sa.Column("published", TIME, nullable=True),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("ended_by", sa.String(64), nullable=True),
        sa.Column("result", sa.String(160), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_commands"),
        sa.UniqueConstraint("station", "sequence", name="uq_commands_station_sequence"),
    )
    op.create_index("ix_commands_state", "commands", ["state"])
    op.create_index("ix_commands_station_asked", "commands", ["station", "asked"])


def downgrade() -> None:
    op.drop_table("commands")
