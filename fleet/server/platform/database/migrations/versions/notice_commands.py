"""Words to people about commands that wait for a second person, in the queue of those about alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("notices") as notices:
        notices.add_column(sa.Column("command", ROW_ID, nullable=True))
        notices.alter_column("alert", existing_type=ROW_ID, nullable=True)
        notices.create_foreign_key("fk_notices_command_commands", "commands", ["command"], ["id"])
    op.create_index("uq_notices_command", "notices", ["command", "channel"], unique=True)


def downgrade() -> None:
    op.execute("DELETE FROM notices WHERE alert IS NULL")
    op.drop_index("uq_notices_command", "notices")
    with op.batch_alter_table("notices") as notices:
        notices.drop_constraint("fk_notices_command_commands", type_="foreignkey")
        notices.alter_column("alert", existing_type=ROW_ID, nullable=False)
        notices.drop_column("command")
