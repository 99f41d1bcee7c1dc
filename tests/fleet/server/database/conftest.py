"""The store's tests run on both databases: `database` is SQLite, then PostgreSQL."""

from tests.fakes.server.databases import either as database
from tests.fakes.server.databases import on_postgres

__all__ = ["database", "on_postgres"]
