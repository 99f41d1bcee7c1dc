"""A new store's tables, and each migration up and down from the first schema on both databases with a row in every table."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, Connection, MetaData, Table, func, insert, select

from fleet.server.database.database import Database, migrate, migrations
from fleet.server.database.schema import all_tables

VERSION = "alembic_version"


def run(database: Database, work: Callable[[Config, str], None], revision: str) -> None:
    config = migrations()
    with database.writing.begin() as connection:
        config.attributes["connection"] = connection
        work(config, revision)


def value(connection: Connection, column: Column[Any]) -> object:
    """One that fits, the same each time; of a column that refers to another table that of its row."""
    for key in column.foreign_keys:
        return connection.execute(select(key.column).limit(1)).scalar_one()
    match column.type:
        case sqlalchemy.Boolean():
            return True
        case sqlalchemy.Integer():
            return 1
        case sqlalchemy.DateTime():
            return datetime(2026, 1, 1, tzinfo=UTC)
        case sqlalchemy.LargeBinary():
            return b"x"
    return "[]"


FIRST = "0039"
SCHEMA = Path(__file__).with_name(f"schema_{FIRST}.sql")
IN_SQLITE = {
    "BIGSERIAL": "INTEGER",
    "SERIAL": "INTEGER",
    "TIMESTAMP WITH TIME ZONE": "DATETIME",
    "BYTEA": "BLOB",
    "gen_random_uuid()": "(lower(hex(randomblob(16))))",
}
IN_POSTGRESQL = [f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_station" for table in ("events", "errands")]


@pytest.fixture(params=["sqlite", "postgresql"])
def first_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A store of the first schema."""
    sqlite = request.param == "sqlite"
    place = tmp_path / "first.sqlite" if sqlite else request.getfixturevalue("postgres").place()
    schema = SCHEMA.read_text()
    for word, sqlite_word in IN_SQLITE.items():
        schema = schema.replace(word, sqlite_word) if sqlite else schema
    opened = Database.open(place)
    with opened.writing.begin() as connection:
        all_tables().drop_all(connection)
        for statement in [*schema.split(";")[:-1], *(() if sqlite else IN_POSTGRESQL)]:
            connection.exec_driver_sql(statement)
    run(opened, command.stamp, FIRST)
    yield opened
    opened.close()


def newer_revisions() -> list[Script]:
    """All after the first, oldest first."""
    return list(ScriptDirectory.from_config(migrations()).walk_revisions())[-2::-1]


def columns_of(database: Database) -> dict[str, list[Column[Any]]]:
    found = MetaData()
    with database.reading.begin() as connection:
        found.reflect(connection)
    return {table.name: list(table.columns) for table in found.sorted_tables if table.name != VERSION}


def write_as_before(database: Database, tables: dict[str, list[Column[Any]]]) -> None:
    """What a program of the version before writes: a row of each table, with the columns that it knows."""
    there = {name: {column.name for column in columns} for name, columns in columns_of(database).items()}
    empty(database)
    for name, columns in tables.items():
        assert {column.name for column in columns} <= there.get(name, set()), f"{name} has lost a column"
        with database.writing.begin() as connection:
            row = {column.name: value(connection, column) for column in columns}
            table = Table(name, MetaData(), *(Column(column.name, column.type) for column in columns))
            connection.execute(insert(table).values(row))


def test_programs_of_the_version_before_go_on_writing_while_they_are_replaced(first_store: Database) -> None:
    """On the schema of each newer migration, unless it says that it contracts. A row that is refused would be taken for
    a fault of its event."""
    for revision in newer_revisions():
        before = columns_of(first_store)
        run(first_store, command.upgrade, revision.revision)
        if not getattr(revision.module, "contracts", ""):
            write_as_before(first_store, before)
    write_as_before(first_store, columns_of(first_store))


def empty(database: Database) -> None:
    """Empty all tables but the revision's."""
    found = MetaData()
    with database.writing.begin() as connection:
        found.reflect(connection)
        for table in reversed(found.sorted_tables):
            if table.name != VERSION:
                connection.execute(table.delete())


def fill(database: Database) -> set[str]:
    """A row into each table that has none. Gives all tables."""
    found = MetaData()
    with database.writing.begin() as connection:
        found.reflect(connection)
        tables: list[Table] = [table for table in found.sorted_tables if table.name != VERSION]
        for table in tables:
            if not connection.execute(select(func.count()).select_from(table)).scalar():
                row = {column.name: value(connection, column) for column in table.columns}
                connection.execute(insert(table).values(row))
    return {table.name for table in tables}


def test_each_migration_runs_up_and_down_with_a_row_in_every_table(first_store: Database) -> None:
    revisions = [revision.revision for revision in newer_revisions()]
    names = fill(first_store)
    for revision in revisions:
        run(first_store, command.upgrade, revision)
        names = fill(first_store)
    assert {"events", "orders", "alerts", "commands", "checkpoints", "audit", "people"} <= names
    for revision in (*reversed(revisions[:-1]), FIRST):
        run(first_store, command.downgrade, revision)
    with first_store.reading.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 1


def differences(connection: Connection, *, compare_type: bool = True) -> list[object]:
    """Between the tables that are there and those of the code; comments are for readers of the code. On PostgreSQL the rows of
    an event and of an errand refer to no station: see `reference_where_cheap`."""
    found = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": compare_type}), all_tables())
    single = [one for change in found for one in (change if isinstance(change, list) else [change])]
    names = ("fk_events_station", "fk_errands_station") if connection.dialect.name == "postgresql" else ()
    left = {("add_fk", name) for name in names}
    assert left <= {(one[0], one[1].name) for one in single if one[0] == "add_fk"}
    return [one for one in single if one[0] != "modify_comment" and (one[0], getattr(one[1], "name", "")) not in left]


def test_a_new_store_has_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.reading.begin() as connection:
        assert differences(connection) == []


def test_a_store_of_the_first_schema_gets_the_tables_that_a_new_one_has(first_store: Database) -> None:
    fill(first_store)
    assert migrate(first_store) == (FIRST, ScriptDirectory.from_config(migrations()).get_current_head())
    with first_store.reading.begin() as connection:
        assert differences(connection, compare_type=connection.dialect.name == "postgresql") == []
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 1


def test_a_store_of_a_program_that_was_never_released_is_refused(first_store: Database) -> None:
    with first_store.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0012'")
    with pytest.raises(CommandError, match="at revision 0012, of an unreleased program"):
        migrate(first_store)
