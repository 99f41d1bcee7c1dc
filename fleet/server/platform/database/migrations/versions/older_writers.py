"""Columns that programs of version 0.1.0 do not know say something by themselves, so that these go on writing meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

RANDOM = {"postgresql": "gen_random_uuid()::text", "sqlite": "(lower(hex(randomblob(16))))"}


def upgrade() -> None:
    _defaults("administrators", roles="KRA", level="3", scope="*")
    _defaults("reserve_cards", quarantined=sa.false())
    _defaults("notices", uid=sa.text(RANDOM[op.get_context().dialect.name]))


def downgrade() -> None:
    _defaults("notices", uid=None)
    _defaults("reserve_cards", quarantined=None)
    _defaults("administrators", roles=None, level=None, scope=None)


def _defaults(table: str, **columns: str | sa.sql.elements.ColumnElement[bool] | sa.TextClause | None) -> None:
    with op.batch_alter_table(table) as changed:
        for name, default in columns.items():
            changed.alter_column(name, server_default=default)
