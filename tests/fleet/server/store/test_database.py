"""The database file: durable, migrated, and not opened where it cannot be used."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

import fleet.server.store.database as opening
from fleet.server.store.database import Database, StoreError, migrate
from fleet.server.store.tables import metadata


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.reading.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before, after = migrate(database)
    assert before == after is not None


def test_migrations_run_down_too(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(opening.__file__).with_name("migrations")))
    with database.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    assert migrate(database)[0] is None


def test_a_commit_survives_a_power_cut(database: Database) -> None:
    with database.reading.begin() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_something_else_than_a_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(StoreError, match=r"fleet\.sqlite: file is not a database"):
        Database.open(path)


def test_nobody_else_reads_the_store(tmp_path: Path) -> None:
    Database.open(tmp_path / "fleet.sqlite").close()
    assert (tmp_path / "fleet.sqlite").stat().st_mode & 0o077 == 0
