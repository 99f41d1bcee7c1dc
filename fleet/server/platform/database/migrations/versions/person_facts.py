"""What each source says of a person, with its time; certificates of people by digest; when a directory was last read."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_PEOPLE = sa.table(
    "people",
    sa.column("hsa_id"),
    sa.column("name"),
    sa.column("protected", sa.Boolean()),
    sa.column("left"),
    sa.column("continued", sa.Boolean()),
    sa.column("name_changed"),
    sa.column("changed"),
)
_FACTS = sa.table("person_facts", *map(sa.column, ("hsa_id", "fact", "source", "value", "seen")))


def upgrade() -> None:
    op.add_column("people", sa.Column("mail", sa.Text(), nullable=True))
    op.add_column("people", sa.Column("organisation", sa.Text(), nullable=True))
    op.create_table(
        "person_facts",
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("fact", sa.String(16), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hsa_id", "fact", "source", name="pk_person_facts"),
    )
    op.create_index("ix_person_facts_source_fact_seen", "person_facts", ["source", "fact", "seen"])
    for column in _PEOPLE.c:
        if column.name not in ("hsa_id", "changed"):
            op.execute(_words_of(column))
    op.create_table(
        "person_certificates",
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_person_certificates"),
    )
    op.create_index("ix_person_certificates_hsa_id", "person_certificates", ["hsa_id"])
    op.create_index("ix_person_certificates_last_day", "person_certificates", ["last_day"])
    op.create_table(
        "directory_syncs",
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("tried", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.DateTime(timezone=True), nullable=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", name="pk_directory_syncs"),
    )


def downgrade() -> None:
    op.drop_table("directory_syncs")
    op.drop_table("person_certificates")
    op.drop_table("person_facts")
    op.drop_column("people", "organisation")
    op.drop_column("people", "mail")


def _words_of(column: sa.ColumnClause[Any]) -> sa.Insert:
    """What was stored came by imports alone."""
    is_said = column.is_(True) if isinstance(column.type, sa.Boolean) else column.is_not(None)
    value = sa.literal("yes") if isinstance(column.type, sa.Boolean) else column
    said = sa.select(_PEOPLE.c.hsa_id, sa.literal(column.name), sa.literal("import"), value, _PEOPLE.c.changed)
    return sa.insert(_FACTS).from_select([each.name for each in _FACTS.c], said.where(is_said))
