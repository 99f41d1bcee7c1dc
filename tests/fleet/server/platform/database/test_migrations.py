"""Each migration up and down on both databases with a row in every table that there is at that revision."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, func, insert, inspect, select

from fleet.server.platform.database.database import Database, migrate, migrations

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


FIRST_VERSION = "0015"
"""The newest revision of version 0.1.0: from here on migrations expand, and say so where they do not (docs/operations.md)."""
EXPANDING = "0024"
"""The newest revision that the rule did not hold for, one by one."""
CONTRACTED = {("links", "secret")}
"""What was taken away before the rule: sign-in by an identity provider rests while an old web process runs on the new schema."""


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
        kept = [column for column in columns if (name, column.name) not in CONTRACTED]
        assert {column.name for column in kept} <= there.get(name, set()), f"{name} has lost a column"
        with database.writing.begin() as connection:
            row = {column.name: value(connection, column) for column in kept}
            table = Table(name, MetaData(), *(Column(column.name, column.type) for column in kept))
            connection.execute(insert(table).values(row))


def test_programs_of_the_version_before_go_on_writing_while_they_are_replaced(database: Database) -> None:
    """On the schema of each newer migration, unless it says that it contracts; and programs of the first version on the newest.
    A row that is refused would be taken for a fault of its event."""
    revisions = list(ScriptDirectory.from_config(migrations()).walk_revisions())[::-1]
    try:
        run(database, command.downgrade, "base")
        for revision in revisions:
            before = columns_of(database) if revision.revision > EXPANDING else {}
            run(database, command.upgrade, revision.revision)
            if revision.revision == FIRST_VERSION:
                of_first_version = columns_of(database)
            if revision.revision > EXPANDING and not getattr(revision.module, "contracts", ""):
                write_as_before(database, before)
        write_as_before(database, of_first_version)
    finally:
        empty(database)
        migrate(database)


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


def test_each_migration_runs_up_and_down_with_a_row_in_every_table(database: Database) -> None:
    revisions = [one.revision for one in reversed(list(ScriptDirectory.from_config(migrations()).walk_revisions()))]
    run(database, command.downgrade, "base")
    try:
        for revision in revisions:
            run(database, command.upgrade, revision)
            names = fill(database)
        assert {"events", "orders", "alerts", "commands", "checkpoints", "audit", "people"} <= names
        for revision in (*reversed(revisions[:-1]), "base"):
            run(database, command.downgrade, revision)
        with database.reading.begin() as connection:
            assert inspect(connection).get_table_names() == [VERSION]
    finally:
        migrate(database)  # the one on PostgreSQL is for other tests too


def test_alerts_of_before_begin_before_they_were_last_so_and_their_messages_get_ids(database: Database) -> None:
    run(database, command.downgrade, "0021")
    try:
        with database.writing.begin() as connection:
            connection.exec_driver_sql(
                'INSERT INTO alerts (id, station, code, subject, severity, detail, times, silent, "first", "last") VALUES'
                " (7, 'entre-a', 'offline', '', 'critical', '', 1, false,"
                " '2026-01-01 11:00:00.000000', '2026-01-01 10:00:00.000000')"
            )
            connection.exec_driver_sql(
                "INSERT INTO notices (id, alert, channel, what, made, tries) VALUES"
                " (1, 7, 'post', 'opened', '2026-01-01 11:00:00.000000', 0),"
                " (2, 7, 'post', 'closed', '2026-01-01 11:00:00.000000', 0)"
            )
        run(database, command.upgrade, "head")
        with database.reading.begin() as connection:
            first, last = connection.exec_driver_sql('SELECT "first", "last" FROM alerts').one()
            uids = connection.exec_driver_sql("SELECT uid FROM notices").scalars().all()
        assert first == last
        assert len({str(uuid.UUID(uid)) for uid in uids}) == 2
    finally:
        migrate(database)
