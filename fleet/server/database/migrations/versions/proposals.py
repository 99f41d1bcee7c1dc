"""Proposals, the first hour, and what accounts and the list of ID administrators say beside them."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table, column, kind in _ADDED:
        op.add_column(table, sa.Column(column, kind))
    op.create_table(
        "first_hour",
        sa.Column("by", sa.String(64)),
        sa.Column("at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("by", name="pk_first_hour"),
    )
    op.create_table(
        "proposals",
        sa.Column("id", _ID),
        *(sa.Column(name, kind, nullable=False) for name, kind in _PROPOSED),
        *(sa.Column(name, kind) for name, kind in _LATER),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
    )
    op.create_index("ix_proposals_state", "proposals", ["state"])
    op.create_table(
        "proposal_notices",
        sa.Column("id", _ID),
        sa.Column("proposal", _ID, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("sent", _AT),
        sa.Column("result", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_proposal_notices"),
        sa.ForeignKeyConstraint(["proposal"], ["proposals.id"], name="fk_proposal_notices_proposal"),
    )
    op.create_index("ix_proposal_notices_proposal", "proposal_notices", ["proposal"])
    op.execute(_SET_UP_BEFORE)


def downgrade() -> None:
    for table in ("proposal_notices", "proposals", "first_hour"):
        op.drop_table(table)
    for table, column, _ in _ADDED:
        op.drop_column(table, column)


_ADDED = (
    ("users", "mail", sa.Text()),
    ("users", "link_due", _AT),
    ("administrators", "decision", sa.Text()),
    ("administrators", "since", _AT),
)
_PROPOSED = (
    ("kind", sa.String(16)),
    ("target", sa.String(64)),
    ("content", sa.Text()),
    ("reason", sa.Text()),
    ("by", sa.String(64)),
    ("asked", _AT),
    ("decide_by", _AT),
    ("state", sa.String(16)),
)
_LATER = (
    ("second", sa.String(64)),
    ("confirmed", _AT),
    ("due", _AT),
    ("ended", _AT),
    ("ended_by", sa.String(64)),
    ("outcome", sa.Text()),
    ("first_half", sa.String(64)),
    ("second_half", sa.String(64)),
)
_SET_UP_BEFORE = (
    "INSERT INTO first_hour (\"by\", at) SELECT v.n, CURRENT_TIMESTAMP FROM (SELECT 'machine:migration' AS n UNION ALL"
    " SELECT 'machine:migration-2') v WHERE EXISTS (SELECT 1 FROM administrators)"
)
"""A region that has ID administrators is set up: its first hour is over."""
