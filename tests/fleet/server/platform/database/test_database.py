"""The database file: durable, migrated, and not opened where it cannot be used."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import IntegrityError

from fleet.server.alerts import queries as alerting
from fleet.server.alerts import second_person_notices as second_person
from fleet.server.alerts.rules import RuleMatch
from fleet.server.alerts.tables import notices
from fleet.server.alerts.transitions import OpenAlert
from fleet.server.events.tables import events
from fleet.server.ingest.write import Writer
from fleet.server.orders.tables import order_starts, orders
from fleet.server.people.queries import all_administrators
from fleet.server.platform.database.database import Database, StoreError, migrate, migrations, open_database
from fleet.server.platform.database.schema import metadata
from sim.stories.administrators import listed
from tests.fakes.server.alert_monitor import SETTINGS
from tests.fakes.server.commands import OPEN, TOVE, desk_of
from tests.fleet.server.conftest import NOW, SealingStation, arrived, hold_orders, record


def differences(connection: Connection) -> list[object]:
    """Between the tables that are there and those of the code; comments are for readers of the code. On PostgreSQL the rows of
    an event and of an errand refer to no station: see revisions 0011 and 0015."""
    found = compare_metadata(MigrationContext.configure(connection), metadata)
    single = [one for change in found for one in (change if isinstance(change, list) else [change])]
    names = ("fk_events_station", "fk_errands_station") if connection.dialect.name == "postgresql" else ()
    left = {("add_fk", name) for name in names}
    assert left <= {(one[0], one[1].name) for one in single if one[0] == "add_fk"}
    return [one for one in single if one[0] != "modify_comment" and (one[0], getattr(one[1], "name", "")) not in left]


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.reading.begin() as connection:
        assert differences(connection) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before, after = migrate(database)
    assert before == after is not None


def test_migrations_run_down_and_up_again_with_data_in_the_tables(
    database: Database, writer: Writer, station: SealingStation
) -> None:
    hold_orders(database, record())
    writer.commit(arrived(*station.pickup()), NOW)
    revisions = list(ScriptDirectory.from_config(migrations()).walk_revisions())
    with database.writing.begin() as connection:
        for revision in revisions[:-1]:
            run(connection, command.downgrade, revision.down_revision)
            assert connection.execute(select(func.count()).select_from(events)).scalar() == 5
        for revision in reversed(revisions[:-1]):
            run(connection, command.upgrade, revision.revision)
            assert connection.execute(select(events.c.envelope)).scalars().all() == [
                event.envelope for event in station.sealed
            ]
        assert differences(connection) == []
        assert connection.execute(select(orders.c.state)).scalars().all() == ["collected"]
        assert connection.execute(select(order_starts.c.state, order_starts.c.after)).all() == [("collected", 5)]


def test_words_about_alerts_outlive_a_step_down_that_knows_none_about_commands(database: Database) -> None:
    desk_of(database, lambda: NOW).ask(OPEN, TOVE)
    with database.writing.begin() as connection:
        alerting.write(connection, [OpenAlert(RuleMatch("entre-a", "offline"), silent=False)], SETTINGS, NOW)
        second_person.queue_notices(
            connection, second_person.unannounced_approvals(connection, SETTINGS.seconds, NOW), NOW
        )
        about = select(notices.c.channel, notices.c.alert.is_(None)).order_by(notices.c.id)
        kept = [("all", False), ("bad", False)]
        assert connection.execute(about).all() == [*kept, ("all", True), ("bad", True)]
        run(connection, command.downgrade, "0012")
        run(connection, command.upgrade, "head")
        assert connection.execute(about).all() == kept
        second_person.queue_notices(connection, second_person.unannounced_approvals(connection, ("all",), NOW), NOW)
        with pytest.raises(IntegrityError):
            second_person.queue_notices(connection, [(1, "all")], NOW)


def test_migrations_run_down_to_nothing(database: Database) -> None:
    with database.writing.begin() as connection:
        run(connection, command.downgrade, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    assert migrate(database)[0] is None


def run(connection: Connection, work: Callable[[Config, str], None], revision: str) -> None:
    config = migrations()
    config.attributes["connection"] = connection
    work(config, revision)


def test_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    with open_database(tmp_path / "fleet.sqlite") as database, database.reading.begin() as connection:
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_something_else_than_a_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(StoreError, match=r"fleet\.sqlite: file is not a database"):
        Database.open(path)


def test_a_store_of_a_newer_program_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    with open_database(path) as database, database.writing.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"fleet\.sqlite: it is at revision 9999, of a newer program than this one"):
        Database.open(path)


def test_nobody_else_reads_the_store(tmp_path: Path) -> None:
    with open_database(tmp_path / "fleet.sqlite"):
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("fleet.sqlite", "fleet.sqlite-wal", "fleet.sqlite-shm"), 0o600)


def test_a_place_where_no_file_can_be_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "fleet.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"fleet\.sqlite: Is a directory"):
        Database.open(tmp_path / "fleet.sqlite")


def test_who_was_listed_before_there_were_roles_may_attend_everywhere_and_has_no_kur(database: Database) -> None:
    script = ScriptDirectory.from_config(migrations())
    (revision,) = [one for one in script.walk_revisions() if one.path.endswith("administrator_roles.py")]
    with database.writing.begin() as connection:
        run(connection, command.downgrade, str(revision.down_revision))
        connection.exec_driver_sql("INSERT INTO administrators (hsa_id, name) VALUES ('TEST000000-A1', 'Maj')")
        run(connection, command.upgrade, "head")
        assert all_administrators(connection) == [listed("TEST000000-A1", "Maj")]
        assert listed("TEST000000-A1", "Maj").administrator.roles == ("KRA",)
