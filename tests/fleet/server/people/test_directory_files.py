"""Leavers and name changes: all of a file or none of it, each fault with its place, twice is once."""

import json
from pathlib import Path

import pytest

from fleet.server.cli import main
from fleet.server.database.database import open_database
from fleet.server.files.csv_files import FileError
from fleet.server.people.directory_files import DIRECTORY_COLUMNS, read_directory
from fleet.server.people.model import PersonRow
from fleet.server.people.queries import find_people, find_person

HEADER = ",".join(DIRECTORY_COLUMNS)
ALVA, BO = "TEST000000-0001,Alva Test,no,2026-05-31,no,", "TEST000000-0002,,yes,,,2026-04-01"


def file_of(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines, "")).encode()


def test_who_left_and_whose_name_changed() -> None:
    assert read_directory(file_of(ALVA, BO)) == [
        PersonRow("TEST000000-0001", "Alva Test", left="2026-05-31"),
        PersonRow("TEST000000-0002", None, protected=True, name_changed="2026-04-01"),
    ]
    assert read_directory(file_of("TEST000000-0002,Bo Test,yes,,,"))[0].name is None


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("test-1,Alva Test,no,,,", "hsa_id"),
        ("TEST000000-0003,,no,,,", "name"),
        ("TEST000000-0003,Alva Test,ja,,,", "protected"),
        ("TEST000000-0003,Alva Test,no,31/5,,", "left"),
        ("TEST000000-0003,Alva Test,no,2026-02-30,,", "left"),
        ("TEST000000-0003,Alva Test,no,,maybe,", "continued"),
        ("TEST000000-0003,Alva Test,no,,yes,", "continued"),
        ("TEST000000-0003,Alva Test,no,,,soon", "name_changed"),
        (ALVA, "hsa_id"),
    ],
)
def test_each_fault_is_named_with_line_and_column(line: str, column: str) -> None:
    with pytest.raises(FileError) as refused:
        read_directory(file_of(ALVA, line))
    assert [(one.line, one.column) for one in refused.value.problems] == [(3, column)]


def test_the_command_takes_all_or_none_and_twice_is_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, data = tmp_path / "people.csv", tmp_path / "data"
    assert main(["init", "--data", str(data)]) == 0
    capsys.readouterr()
    command = ["import-directory", str(path), "--data", str(data), "--json"]

    def told(content: bytes, code: int = 0) -> dict[str, object]:
        path.write_bytes(content)
        assert main(command) == code
        said: dict[str, object] = json.loads(capsys.readouterr().out)
        return said

    assert told(file_of(ALVA, BO)) == {"ok": True, "imported": 2, "changed": 0, "unchanged": 0, "removed": 0}
    assert told(file_of(ALVA, BO))["unchanged"] == 2
    assert told(file_of(BO, "wrong,Alva Test,no,,,"), 2)["ok"] is False
    assert told(file_of(ALVA.replace("2026-05-31", "2026-06-30")))["changed"] == 1
    with open_database(data / "fleet.sqlite") as database, database.reading.begin() as connection:
        assert find_person(connection, "TEST000000-0001") == PersonRow(
            "TEST000000-0001", "Alva Test", left="2026-06-30"
        )
        assert find_people(connection, search="alva") == (
            [PersonRow("TEST000000-0001", "Alva Test", left="2026-06-30")],
            1,
        )
        assert find_people(connection, limit=1)[1] == 2
