"""When an order was made, and the tables around orders: people, certificates, reserve cards, requests, deadlines."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
FRESH = {
    "people": ("left", "name_changed"),
    "certificates": ("last_day",),
    "requests": ("due", "card_number"),
    "deeds": ("at", "card_number"),
    "deliveries": ("received",),
}
"""Tables with an index on each of these columns."""


def upgrade() -> None:
    # A default, since SQLite would else make the table anew, and what hangs on its rows would go with the old one.
    op.add_column("orders", sa.Column("made", TIME, nullable=False, server_default="1970-01-01 00:00:00"))
    op.execute(sa.text("UPDATE orders SET made = changed"))
    op.create_index("ix_orders_state_changed", "orders", ["state", "changed"])
    op.create_index("ix_orders_state_made", "orders", ["state", "made"])
    op.create_index("ix_bin_cards_card_number", "bin_cards", ["card_number"])
    _people()
    _cards()
    _requests()
    _deadlines()
    for table, columns in FRESH.items():
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_index("ix_requests_state_made", "requests", ["state", "made"])
    op.create_index("ix_reserve_cards_lies_at", "reserve_cards", ["lies", "at"])


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("left", sa.String(10), nullable=True),
        sa.Column("continued", sa.Boolean(), nullable=False),
        sa.Column("name_changed", sa.String(10), nullable=True),
        sa.Column("changed", TIME, nullable=False),
        sa.PrimaryKeyConstraint("hsa_id", name="pk_people"),
    )


def _cards() -> None:
    op.create_table(
        "certificates",
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("serial", sa.String(64), nullable=False),
        sa.Column("hsa_id", sa.String(64), nullable=False),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("loa", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("card_number", "serial", name="pk_certificates"),
    )
    op.create_table(
        "reserve_cards",
        sa.Column("station", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("lies", sa.Boolean(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name="fk_reserve_cards_station_stations"),
        sa.PrimaryKeyConstraint("station", "slot", name="pk_reserve_cards"),
    )


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("ask", sa.String(16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("made", TIME, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", TIME, nullable=True),
        sa.Column("tried", TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("station", "id", name="pk_requests"),
    )


def _deadlines() -> None:
    op.create_table(
        "deeds",
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("what", sa.String(8), nullable=False),
        sa.Column("did", sa.String(8), nullable=False),
        sa.Column("station", sa.String(40), nullable=False),
        sa.Column("card_number", sa.String(40), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("rule", "subject", "due", "what", name="pk_deeds"),
    )
    op.create_table(
        "deadline_clock",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("seen", TIME, nullable=False),
        sa.Column("steady", TIME, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_deadline_clock"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )


def downgrade() -> None:
    for table in ("deliveries", "deadline_clock", "deeds", "requests", "reserve_cards", "certificates", "people"):
        op.drop_table(table)
    op.drop_index("ix_bin_cards_card_number", table_name="bin_cards")
    op.drop_index("ix_orders_state_made", table_name="orders")
    op.drop_index("ix_orders_state_changed", table_name="orders")
    op.execute(sa.text("UPDATE orders SET state = 'collected' WHERE state IN ('activated', 'returned', 'destroyed')"))
    op.execute(sa.text("UPDATE orders SET state = 'taken_out' WHERE state IN ('cancelled', 'voided')"))
    op.drop_column("orders", "made")
