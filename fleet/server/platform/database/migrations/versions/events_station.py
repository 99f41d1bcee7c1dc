"""On PostgreSQL an event is stored without looking its station up: that is a sixth of what it costs there.

Every event is written in one transaction with the row of its chain, which does refer to the station, and no chain is ever
deleted: so there is none without its station. SQLite keeps the reference: it costs little there, and could only be dropped by
copying the table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

NAME = "fk_events_station"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint(NAME, "events", type_="foreignkey")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.create_foreign_key(NAME, "events", "stations", ["station"], ["id"])
