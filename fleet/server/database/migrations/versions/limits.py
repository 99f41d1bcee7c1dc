"""Names whose certificates count no more, organisations of tokens, and requests by time."""

import sqlalchemy
from alembic import op

from fleet.server.database.schema import UtcDateTime

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "denied_stations",
        sqlalchemy.Column("station", sqlalchemy.String(40), nullable=False),
        sqlalchemy.Column("since", UtcDateTime(), nullable=False),
        sqlalchemy.PrimaryKeyConstraint("station", name="pk_denied_stations"),
    )
    op.add_column("tokens", sqlalchemy.Column("organisations", sqlalchemy.Text, nullable=False, server_default=""))
    op.create_index("ix_wishes_at", "wishes", ["at"])


def downgrade() -> None:
    op.drop_index("ix_wishes_at", "wishes")
    with op.batch_alter_table("tokens") as table:
        table.drop_column("organisations")
    op.drop_table("denied_stations")
