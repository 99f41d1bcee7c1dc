"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _administrators()
    _alarms()
    _orders()
    _stations()
    _chains()
    _conflicts()
    _errands()
    _events()
    _quarantine()
    _receipts()


def downgrade() -> None:
    op.drop_table("receipts")
    op.drop_index("ix_quarantine_station_epoch_sequence", table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index("ix_events_errand", table_name="events")
    op.drop_table("events")
    op.drop_index("ix_errands_started", table_name="errands")
    op.drop_table("errands")
    op.drop_table("conflicts")
    op.drop_table("chains")
    op.drop_table("stations")
    op.drop_index("ix_orders_station_state", table_name="orders")
    op.drop_index("ix_orders_hsa_id", table_name="orders")
    op.drop_index("ix_orders_card_number", table_name="orders")
    op.drop_table("orders")
    op.drop_table("alarms")
    op.drop_table("administrators")


def _administrators() -> None:
    op.create_table(
        "administrators",
        sa.Column("hsa_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hsa_id", name="pk_administrators"),
    )


def _alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("station", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("argument", sa.Text(), nullable=False),
        sa.Column("first", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("station", "code", name="pk_alarms"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order", sa.String(length=64), nullable=False),
        sa.Column("hsa_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=True, comment="null for a protected identity"),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("card_number", sa.String(length=40), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("loa", sa.Integer(), nullable=False),
        sa.Column("station", sa.String(length=40), nullable=False, comment="a name: it may not have spoken yet"),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.String(length=10), nullable=False, comment="ISO 8601"),
        sa.Column("envelope_key", sa.String(length=64), nullable=True),
        sa.Column("envelope_mac", sa.String(length=64), nullable=True, comment="HMAC-SHA-256 as hex; never a code"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("order", name="pk_orders"),
    )
    op.create_index("ix_orders_card_number", "orders", ["card_number"], unique=False)
    op.create_index("ix_orders_hsa_id", "orders", ["hsa_id"], unique=False)
    op.create_index("ix_orders_station_state", "orders", ["station", "state"], unique=False)


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True, comment="the last StationState, as JSON"),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stations"),
        sa.UniqueConstraint("name", name="uq_stations_name"),
    )


def _chains() -> None:
    op.create_table(
        "chains",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False, comment="the highest sequence that is held"),
        sa.Column(
            "gaps", sa.Text(), nullable=False, comment="JSON: inclusive ranges below `highest` that are not held"
        ),
        sa.Column(
            "head",
            sa.String(length=64),
            nullable=True,
            comment="hash of the event at `highest`; null where it could not be read",
        ),
        sa.Column(
            "intact", sa.Boolean(), nullable=False, comment="every stored event follows the stored one before it"
        ),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_chains_station"),
        sa.PrimaryKeyConstraint("station", "epoch", name="pk_chains"),
    )


def _conflicts() -> None:
    op.create_table(
        "conflicts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_conflicts_station"),
        sa.PrimaryKeyConstraint("id", name="pk_conflicts"),
        sa.UniqueConstraint(
            "station", "epoch", "sequence", "digest", name="uq_conflicts_station_epoch_sequence_digest"
        ),
    )


def _errands() -> None:
    op.create_table(
        "errands",
        sa.Column("errand", sa.String(length=64), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("order", sa.String(length=64), nullable=True),
        sa.Column("card_number", sa.String(length=40), nullable=True),
        sa.Column("hsa_id", sa.String(length=64), nullable=True),
        sa.Column("receipt", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_errands_station"),
        sa.PrimaryKeyConstraint("errand", "station", name="pk_errands"),
    )
    op.create_index("ix_errands_started", "errands", ["started"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("errand", sa.Text(), nullable=True, comment="from the data, for look-up"),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True, comment="null once erased"),
        sa.Column("salt", sa.Text(), nullable=True, comment="null once erased"),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_events_station"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("station", "epoch", "sequence", name="uq_events_station_epoch_sequence"),
    )
    op.create_index("ix_events_errand", "events", ["errand"], unique=False)


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=True, comment="null where the sender did not say"),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="the topic's last part"),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_quarantine_station"),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("station", "digest", name="uq_quarantine_station_digest"),
    )
    op.create_index(
        "ix_quarantine_station_epoch_sequence", "quarantine", ["station", "epoch", "sequence"], unique=False
    )


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column(
            "sequence", sa.BigInteger(), nullable=False, comment="the event that holds the receipt's exact bytes"
        ),
        sa.Column("errand", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_receipts_station"),
        sa.PrimaryKeyConstraint("number", name="pk_receipts"),
    )
