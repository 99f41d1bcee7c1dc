"""Every erased event has a row in `erasures`, also where nothing had followed from it; and what the nightly check has seen.

What was erased before gets its row here, dated 1970: only from now on the audit can be asked who erased it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
BEFORE_RECORDS = "1970-01-01 00:00:00.000000"
RECORD_THE_ERASED = """
    INSERT INTO erasures (station, epoch, sequence, residue, erased)
    SELECT events.station, events.epoch, events.sequence, {empty}, {erased} FROM events
    WHERE events.data IS NULL AND events.salt IS NULL AND NOT EXISTS (
        SELECT 1 FROM erasures AS held WHERE held.station = events.station AND held.epoch = events.epoch
        AND held.sequence = events.sequence)
"""


def upgrade() -> None:
    postgres = op.get_context().dialect.name == "postgresql"
    empty = "''::bytea" if postgres else "x''"
    erased = f"TIMESTAMPTZ '{BEFORE_RECORDS}+00'" if postgres else f"'{BEFORE_RECORDS}'"
    op.execute(RECORD_THE_ERASED.format(empty=empty, erased=erased))
    op.create_table(
        "verified_chains",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_verified_chains_station_stations"),
        sa.PrimaryKeyConstraint("station", "epoch", name="pk_verified_chains"),
    )
    op.create_table(
        "store_checks",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("whole_at", TIME, nullable=True),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_store_checks"),
    )


def downgrade() -> None:
    op.drop_table("store_checks")
    op.drop_table("verified_chains")
    op.execute("DELETE FROM erasures WHERE length(residue) = 0")
