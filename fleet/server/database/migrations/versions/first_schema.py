"""The first schema, where migrations begin. A new store gets the tables of the code at once: `database.migrate`."""

revision = "0039"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
