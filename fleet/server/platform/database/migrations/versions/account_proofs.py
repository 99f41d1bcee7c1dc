"""Who made, reset or granted an account; step-up authentication of sessions; WebAuthn keys; no secret of a link in the store."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _account_acts()
    _webauthn()
    op.create_table(
        "replays",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_replays"),
    )
    with op.batch_alter_table("sessions") as sessions:
        sessions.add_column(sa.Column("stepped_up", sa.DateTime(timezone=True), nullable=True))
        sessions.add_column(sa.Column("issuer_session", sa.String(64), nullable=True))
    with op.batch_alter_table("logins") as logins:
        logins.add_column(sa.Column("step_up", sa.String(64), nullable=True))
        logins.add_column(sa.Column("begun", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("sealed_secret", sa.Text(), nullable=True))
    with op.batch_alter_table("links") as links:
        links.drop_column("secret")


def _row_id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _account_acts() -> None:
    op.create_table(
        "account_acts",
        sa.Column("user", _row_id(), nullable=False),
        sa.Column("by", _row_id(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_account_acts_user"),
        sa.ForeignKeyConstraint(["by"], ["users.id"], name="fk_account_acts_by"),
        sa.PrimaryKeyConstraint("user", "by", name="pk_account_acts"),
    )


def _webauthn() -> None:
    op.create_table(
        "webauthn_keys",
        sa.Column("id", _row_id(), nullable=False),
        sa.Column("user", _row_id(), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_webauthn_keys_user"),
        sa.PrimaryKeyConstraint("id", name="pk_webauthn_keys"),
        sa.UniqueConstraint("credential", name="uq_webauthn_keys_credential"),
        sa.UniqueConstraint("user", "name", name="uq_webauthn_keys_user_name"),
    )
    op.create_table(
        "webauthn_challenges",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("user", _row_id(), nullable=False),
        sa.Column("session", sa.String(64), nullable=True),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_webauthn_challenges_user"),
        sa.PrimaryKeyConstraint("hash", name="pk_webauthn_challenges"),
    )


def downgrade() -> None:
    with op.batch_alter_table("links") as links:
        links.add_column(sa.Column("secret", sa.String(64), nullable=False, server_default=""))
    op.execute("UPDATE users SET password = NULL WHERE sealed_secret IS NOT NULL")
    op.drop_column(
        "users", "sealed_secret"
    )  # natively: SQLite does not let the table be made anew while others refer to it
    with op.batch_alter_table("logins") as logins:
        logins.drop_column("begun")
        logins.drop_column("step_up")
    with op.batch_alter_table("sessions") as sessions:
        sessions.drop_column("issuer_session")
        sessions.drop_column("stepped_up")
    op.drop_table("replays")
    op.drop_table("webauthn_challenges")
    op.drop_table("webauthn_keys")
    op.drop_table("account_acts")
