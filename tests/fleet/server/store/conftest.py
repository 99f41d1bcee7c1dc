"""The store's tests run on both databases: `database` is SQLite, then PostgreSQL."""

from tests.fakes.databases import either as database
from tests.fakes.databases import on_postgres

__all__ = ["database", "on_postgres"]
