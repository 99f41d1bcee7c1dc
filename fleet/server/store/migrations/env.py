"""Runs the migrations on the connection that `database.migrate` passes; there is no other way in."""

from alembic import context

from fleet.server.store.access_tables import audit
from fleet.server.store.alert_tables import alerts
from fleet.server.store.asking_tables import replies
from fleet.server.store.card_tables import people
from fleet.server.store.proof_tables import checkpoints

assert alerts.metadata is replies.metadata is people.metadata is audit.metadata is checkpoints.metadata
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=audit.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
