"""Alembic environment: runs the migrations on the connection that `database.migrate` passes; there is no other way in."""

from alembic import context

from fleet.server.database.schema import all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
