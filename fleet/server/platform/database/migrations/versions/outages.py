"""Outages of many stations as one alert with its members; random ids of notices; no alert that begins after it was last so."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("stations", sa.Integer(), nullable=True))
    op.add_column("alerts", sa.Column("still", sa.Integer(), nullable=True))
    op.add_column("alerts", sa.Column("outage", ROW_ID, nullable=True))
    op.create_index("ix_alerts_outage", "alerts", ["outage"])
    op.execute('UPDATE alerts SET "first" = "last" WHERE "first" > "last"')
    op.add_column("notices", sa.Column("uid", sa.String(36), nullable=True))
    notices = sa.table("notices", sa.column("id"), sa.column("uid"))
    connection = op.get_bind()
    for number in connection.execute(sa.select(notices.c.id)).scalars().all():
        connection.execute(sa.update(notices).where(notices.c.id == number).values(uid=str(uuid.uuid4())))


def downgrade() -> None:
    op.drop_column("notices", "uid")
    op.execute("DELETE FROM notices WHERE alert IN (SELECT id FROM alerts WHERE stations IS NOT NULL)")
    op.execute("DELETE FROM alerts WHERE stations IS NOT NULL")
    op.drop_index("ix_alerts_outage", "alerts")
    for column in ("outage", "still", "stations"):
        op.drop_column("alerts", column)
