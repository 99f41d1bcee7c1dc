"""The file of ID administrators: what it says, and what it may not leave open."""

from pathlib import Path

import pytest

from fleet.messages.link import Administrator
from fleet.server.cli import main
from fleet.server.database.database import FILE_NAME, Database
from fleet.server.files.csv_files import FileError
from fleet.server.people.administrator_files import ADMINISTRATOR_COLUMNS, read_administrators
from fleet.server.people.model import ListedAdministrator
from fleet.server.people.queries import administrator_at, all_administrators, replace_administrators
from tests.fakes.server.databases import new_store

HEAD = ",".join(ADMINISTRATOR_COLUMNS)


def read(*lines: str) -> list[ListedAdministrator]:
    return read_administrators("\n".join((HEAD, *(f"{line},IT-1" for line in lines))).encode())


def test_a_row_says_roles_level_scope_and_days() -> None:
    (maj, bo) = read(
        "TEST000000-A1,Maj Test,KUR KRA,3,entre-* lasarettet-a,2026-01-01,2026-12-31", "TEST000000-A2,Bo,KRA,2,*,,"
    )
    person = Administrator("TEST000000-A1", "Maj Test", ("KRA", "KUR"), 3, "2026-01-01", "2026-12-31")
    assert maj == ListedAdministrator(person, ("entre-*", "lasarettet-a"), "IT-1")
    assert bo == ListedAdministrator(Administrator("TEST000000-A2", "Bo", ("KRA",), 2), ("*",), "IT-1")
    assert [maj.covers(one) for one in ("entre-a", "lasarettet-a", "lasarettet-b", "annex")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("TEST000000-A1,Maj,,3,*,,", "roles"),
        ("TEST000000-A1,Maj,KRA KRA,3,*,,", "roles"),
        ("TEST000000-A1,Maj,ADMIN,3,*,,", "roles"),
        ("TEST000000-A1,Maj,kra,3,*,,", "roles"),
        ("TEST000000-A1,Maj,KRA,,*,,", "level"),
        ("TEST000000-A1,Maj,KRA,4,*,,", "level"),
        ("TEST000000-A1,Maj,KRA,3,,,", "scope"),
        ("TEST000000-A1,Maj,KRA,3,*-a,,", "scope"),
        ("TEST000000-A1,Maj,KRA,3,entre-a Entre-B,,", "scope"),
        ("TEST000000-A1,Maj,KRA,3,*,2026-02-30,", "valid_from"),
        ("TEST000000-A1,Maj,KRA,3,*,,tomorrow", "valid_until"),
        ("TEST000000-A1,Maj,KRA,3,*,2026-02-02,2026-02-01", "valid_until"),
        ("test,Maj,KRA,3,*,,", "hsa_id"),
    ],
)
def test_what_is_wrong_in_a_row_is_named(row: str, column: str) -> None:
    with pytest.raises(FileError) as refused:
        read("TEST000000-A2,Bo,KRA,3,*,,", row)
    assert [(one.line, one.column) for one in refused.value.problems] == [(3, column)]


def test_a_file_of_names_alone_is_refused_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "people.csv"
    new_store(tmp_path / FILE_NAME).close()
    file.write_text("hsa_id,name\nTEST000000-A1,Maj\n")
    assert main(["import-administrators", str(file), "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert [name for name in ADMINISTRATOR_COLUMNS[2:] if name not in said] == []


def test_any_change_of_a_row_is_a_change(database: Database) -> None:
    rows = [
        "TEST000000-A1,Maj,KRA,3,*,,",
        "TEST000000-A1,Maj,KRA KUR,3,*,,",
        "TEST000000-A1,Maj,KRA KUR,2,*,,",
        "TEST000000-A1,Maj,KRA KUR,2,entre-a,,",
        "TEST000000-A1,Maj,KRA KUR,2,entre-a,2026-01-01,",
        "TEST000000-A1,Maj,KRA KUR,2,entre-a,2026-01-01,2026-12-31",
    ]
    for row in rows:
        for changed in (1, 0):
            with database.writing.begin() as connection:
                done = replace_administrators(connection, read(row))
                assert (done.added + done.changed, done.unchanged) == (changed, 1 - changed)
                assert all_administrators(connection) == read(row)


def test_somebody_of_another_organisation_is_nobody_here(database: Database) -> None:
    with database.writing.begin() as connection:
        replace_administrators(connection, read("TEST000000-A1,Maj,KRA,3,entre-a,,"))
        assert administrator_at(connection, "entre-a", "TEST000000-A1") is not None
        assert administrator_at(connection, "entre-b", "TEST000000-A1") is None
        assert administrator_at(connection, "entre-a", "TEST000000-A2") is None
