"""The database file: durable, migrated, and not opened where it cannot be used."""

from pathlib import Path

import pytest

from fleet.server.database.database import Database, StoreError, migrate, open_database


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before, after = migrate(database)
    assert before == after is not None


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
