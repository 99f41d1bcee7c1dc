"""Cards that are on hold or blocked, and of which card a certificate is: stations are told of these by digest."""

import sqlalchemy
from alembic import op

from fleet.server.database.schema import UtcDateTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person_certificates", sqlalchemy.Column("card_number", sqlalchemy.String(40)))
    op.create_index("ix_person_certificates_card_number", "person_certificates", ["card_number"])
    op.create_table(
        "stopped_cards",
        sqlalchemy.Column("card_number", sqlalchemy.String(40), nullable=False),
        sqlalchemy.Column("stop", sqlalchemy.String(8), nullable=False),
        sqlalchemy.Column("at", UtcDateTime(), nullable=False),
        sqlalchemy.PrimaryKeyConstraint("card_number", name="pk_stopped_cards"),
    )
    op.create_index("ix_stopped_cards_at", "stopped_cards", ["at"])


def downgrade() -> None:
    op.drop_table("stopped_cards")
    op.drop_index("ix_person_certificates_card_number", "person_certificates")
    with op.batch_alter_table("person_certificates") as table:
        table.drop_column("card_number")
