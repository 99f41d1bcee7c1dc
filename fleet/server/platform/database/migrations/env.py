"""Runs the migrations on the connection that `database.migrate` passes; there is no other way in."""

from alembic import context

from fleet.server.accounts.tables import audit
from fleet.server.alerts.tables import alerts
from fleet.server.cards.tables import people
from fleet.server.checkpoints.tables import checkpoints
from fleet.server.platform.web.idempotency_tables import replies

assert alerts.metadata is replies.metadata is people.metadata is audit.metadata is checkpoints.metadata
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=audit.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
