"""Files of orders: all or nothing, each fault with its place, twice is once."""

import json
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from fleet.server.cli import main
from fleet.server.database.database import FILE_NAME, Database
from fleet.server.files.csv_files import MAX_PROBLEMS, FileError
from fleet.server.ingest.write import Writer
from fleet.server.orders.order_files import ORDER_COLUMNS, read_orders
from fleet.server.people.administrator_files import read_administrators
from fleet.server.people.model import PersonRow
from fleet.server.people.service import import_people
from fleet.server.readings.queries import StoreReadings
from fleet.server.stations.service import add_stations
from tests.fakes.server.databases import new_store
from tests.fleet.server.conftest import NOW, SealingStation, arrived, prove_hand_over


@pytest.fixture(autouse=True)
def a_store_that_knows_the_station(tmp_path: Path) -> None:
    with closing(new_store(tmp_path / FILE_NAME)) as database, database.writing.begin() as connection:
        add_stations(connection, ["entre-a"])


HEADER = ",".join(ORDER_COLUMNS)
MAC = "ab" * 32


def line(order: str = "O-1", **changes: str) -> str:
    person = (order, "TEST000000-0001", "Tove Test", "no")
    card = ("9752269875", "etjanstekort", "3", "entre-a", "3", "2099-12-31", "2026a", MAC)
    fields = dict(zip(ORDER_COLUMNS, (*person, *card), strict=True))
    return ",".join({**fields, **changes}.values())


SECOND = line("O-2", slot="4", card_number="9752269876", protected="yes", name="", envelope_key="", envelope_mac="")


def file_of(*lines: str, end: str = "\n") -> bytes:
    return end.join((HEADER, *lines, "")).encode()


def problems_of(raw: bytes) -> list[tuple[int, str]]:
    with pytest.raises(FileError) as refused:
        read_orders(raw)
    return [(problem.line, problem.column) for problem in refused.value.problems]


@pytest.mark.parametrize(
    "raw",
    [
        file_of(line()),
        b"\xef\xbb\xbf" + file_of(line(), end="\r\n"),
        file_of(line()).replace(b",", b";"),
        file_of("", line(), ""),
        file_of(line().replace("Tove Test", '"Tove Test"')),
        file_of(line().replace("etjanstekort", " etjanstekort ")),
        file_of(line()).rstrip(b"\n"),
        file_of(line(envelope_mac=MAC.upper())),
    ],
    ids=["plain", "BOM and CRLF", "semicolons", "empty lines", "quotes", "spaces", "no last line end", "capital hex"],
)
def test_what_spreadsheets_make_of_it_reads_the_same(raw: bytes) -> None:
    assert [row.record for row in read_orders(raw)] == [read_orders(file_of(line()))[0].record]


def test_a_quoted_field_may_hold_the_delimiter_and_quotes() -> None:
    (row,) = read_orders(file_of(line(name='"Test, Tove ""T"""')))
    assert row.record.name == 'Test, Tove "T"'


def test_the_name_of_a_protected_identity_is_dropped() -> None:
    (row,) = read_orders(file_of(line(protected="yes")))
    assert row.record.name is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("order", ""),
        ("order", "a b"),
        ("hsa_id", "19900101-1234"),
        ("hsa_id", "199001011234"),
        ("name", ""),
        ("protected", "ja"),
        ("card_number", "97 52"),
        ("product", ""),
        ("loa", "4"),
        ("station", "Entre A"),
        ("station", "#"),
        ("slot", "0"),
        ("slot", "1.5"),
        ("slot", "١"),
        ("slot", "1000"),
        ("last_day", "2026-02-30"),
        ("last_day", "30/08/2026"),
        ("envelope_key", ""),
        ("envelope_mac", ""),
        ("envelope_mac", "ab"),
        ("name", "x" * 121),
        ("name", "x" * 1001),
        ("name", '"two\nlines"'),
    ],
)
def test_a_bad_field_is_named(column: str, value: str) -> None:
    assert problems_of(file_of(SECOND, line(**{column: value}))) == [(3, column)]


def test_all_bad_fields_are_named_and_not_just_the_first() -> None:
    raw = file_of(line(loa="9", slot="x"), SECOND, line("O-3", last_day="never"))
    assert problems_of(raw) == [(2, "loa"), (2, "slot"), (4, "last_day")]


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", (1, "")),
        (b"\xef\xbb\xbf\r\n\r\n", (1, "")),
        (b"\0" * 10, (1, "")),
        (file_of(line()).decode().encode("utf-16"), (1, "")),
        (file_of(line(), line("O-2", name="Åsa")).decode().encode("latin-1"), (3, "")),
        (file_of(line(), "a,b"), (3, "")),
        (file_of(line(), line() + ",more"), (3, "")),
        (file_of(line(), '"open quote,' + line("O-2")), (3, "")),
        (file_of(line(), line()), (3, "order")),
        (HEADER.replace(",loa", "").encode(), (1, "loa")),
        ((HEADER + ",puk").encode(), (1, "puk")),
        (",".join(reversed(ORDER_COLUMNS)).encode(), (1, "envelope_mac")),
        (b"\x89PNG\r\n\x1a\n", (1, "")),
    ],
    ids=[
        "empty",
        "empty lines alone",
        "zeros",
        "UTF-16",
        "Latin-1",
        "too few",
        "too many",
        "open quote",
        "twice",
        "column missing",
        "column unknown",
        "columns turned round",
        "a picture",
    ],
)
def test_a_file_of_the_wrong_form_is_refused_with_its_place(raw: bytes, where: tuple[int, str]) -> None:
    assert problems_of(raw)[0] == where


@pytest.mark.parametrize(
    "raw",
    [b"," * 3_000_000, HEADER.encode() + b"\n" + b"," * 3_000_000, HEADER.encode() + b"\n" + b'"\n",' * 500_000],
    ids=["header", "row", "row of many lines"],
)
def test_a_file_of_one_endless_row_is_refused_before_it_becomes_fields(raw: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FileError) as refused:
            read_orders(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (problem,) = refused.value.problems
    assert (problem.line, problem.column) == (1 if raw.startswith(b",") else 2, "")
    assert "a row has more than 65536 characters" in problem.reason
    assert most < 30_000_000, "the text itself, and no list of its fields"


def test_a_hopeless_file_names_a_hundred_problems_and_counts_the_rest() -> None:
    with pytest.raises(FileError) as refused:
        read_orders(file_of(*(line(f"O-{number}", loa="7") for number in range(MAX_PROBLEMS + 50))))
    assert (len(refused.value.problems), refused.value.more) == (MAX_PROBLEMS, 50)


def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *lines: str, name: str = "import-orders"
) -> tuple[int, str]:
    """Import a file; exit code and what was said."""
    path = tmp_path / "file.csv"
    path.write_bytes(file_of(*lines) if name == "import-orders" else "\n".join(lines).encode())
    code = main([name, str(path), "--data", str(tmp_path)])
    said = capsys.readouterr()
    return code, (said.out + said.err).strip()


def stored(tmp_path: Path) -> dict[str, str]:
    database = Database.open(tmp_path / "fleet.sqlite")
    rows, _ = StoreReadings(database, lambda: NOW).orders()
    database.close()
    return {row.order: f"{row.state} {row.station} {row.slot}" for row in rows}


def test_importing_twice_changes_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, capsys, line(), SECOND) == (0, "imported 2, unchanged 0")
    before = stored(tmp_path)
    assert run(tmp_path, capsys, line(), SECOND) == (0, "imported 0, unchanged 2")
    assert stored(tmp_path) == before == {"O-1": "waiting entre-a 3", "O-2": "waiting entre-a 4"}


def test_a_waiting_order_can_be_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, capsys, line())
    assert run(tmp_path, capsys, line(slot="9")) == (0, "imported 0, changed 1, unchanged 0")
    assert stored(tmp_path) == {"O-1": "waiting entre-a 9"}


def test_two_orders_can_change_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, capsys, line(), SECOND)
    code, _ = run(tmp_path, capsys, line(slot="4"), SECOND.replace(",4,", ",3,"))
    assert (code, stored(tmp_path)) == (0, {"O-1": "waiting entre-a 4", "O-2": "waiting entre-a 3"})


def test_a_row_without_a_slot_is_a_card_on_its_way() -> None:
    (row,) = read_orders(file_of(line(slot="")))
    assert row.record.slot == 0
    assert problems_of(file_of(line(slot="0"))) == [(2, "slot")]


def test_nothing_of_a_bad_file_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, capsys, line())
    code, said = run(tmp_path, capsys, SECOND, line("O-3", slot="3", card_number="1111"))
    assert code == 2
    assert "line 3, column slot: slot 3 at entre-a holds O-1" in said
    assert stored(tmp_path) == {"O-1": "waiting entre-a 3"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (line("O-2", slot="4"), "line 3, column card_number: this card waits for O-1 already"),
        (line("O-2", card_number="1111"), "line 3, column slot: slot 3 at entre-a holds O-1"),
    ],
)
def test_two_rows_cannot_share_card_or_slot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str, said: str
) -> None:
    code, all_said = run(tmp_path, capsys, line(), other)
    assert code == 2
    assert said in all_said


def test_a_collected_order_cannot_be_changed_but_its_row_may_stay_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, capsys, line())
    database = Database.open(tmp_path / "fleet.sqlite")
    Writer(database).commit(arrived(*SealingStation().pickup()), NOW)
    prove_hand_over(database)
    database.close()
    assert run(tmp_path, capsys, line(), line("O-5", card_number="5555")) == (0, "imported 1, unchanged 1")
    code, said = run(tmp_path, capsys, line(slot="8"))
    assert code == 2
    assert "line 2, column order: O-1 is collected and cannot be changed" in said


def test_json_says_the_same_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(file_of(line()))
    assert main(["import-orders", str(path), "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "imported": 1,
        "changed": 0,
        "unchanged": 0,
        "removed": 0,
    }
    path.write_bytes(file_of(line(loa="9")))
    assert main(["import-orders", str(path), "--data", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "problems": [{"line": 2, "column": "loa", "reason": "must be 2 or 3"}],
        "more": 0,
    }


def test_the_list_of_administrators_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "hsa_id,name,roles,level,scope,valid_from,valid_until,decision"
    anna, bo = "TEST000000-A001,Anna Admin,KRA,3,*,,,IT-1", "TEST000000-A002,Bo Admin,KRA KUR,3,entre-*,,,IT-1"
    assert run(tmp_path, capsys, head, anna, name="import-administrators") == (0, "imported 1, unchanged 0")
    said = run(tmp_path, capsys, head, bo, name="import-administrators")
    assert said == (0, "imported 1, unchanged 0, removed 1")
    code, text = run(tmp_path, capsys, head, name="import-administrators")
    assert code == 2
    assert "the list is empty" in text
    with pytest.raises(FileError):
        read_administrators(f"{head}\n{bo}\n{bo}\n".encode())


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-orders", str(tmp_path / "none.csv"), "--data", str(tmp_path)]) == 2
    assert "none.csv: No such file or directory" in capsys.readouterr().err


def leave(tmp_path: Path, left: str, *, continued: bool = False) -> None:
    person = PersonRow("TEST000000-0001", "Tove Test", left=left, continued=continued)
    with closing(Database.open(tmp_path / FILE_NAME)) as database, database.writing.begin() as connection:
        import_people(connection, [person], NOW)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"station": "entre-zz"}, "line 3, column station: no station entre-zz is known here"),
        ({"last_day": "2020-01-01"}, "line 3, column last_day: 2020-01-01 is past"),
        ({}, "line 3, column hsa_id: TEST000000-0001 left on 2026-05-01, and who has left is handed nothing"),
    ],
    ids=["a station that is not known", "a day that is past", "somebody who has left"],
)
def test_what_nobody_could_collect_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], said: str
) -> None:
    leave(tmp_path, "2026-05-01")
    good = line("O-1", hsa_id="TEST000000-0002")
    bad = line("O-2", slot="4", card_number="9752269876", **{"hsa_id": "TEST000000-0003"} if changes else {}, **changes)
    code, all_said = run(tmp_path, capsys, good, bad)
    assert (code, stored(tmp_path)) == (2, {}), "all or nothing"
    assert said in all_said


@pytest.mark.parametrize(("left", "continued"), [("2099-01-01", False), ("2026-05-01", True)])
def test_who_has_not_left_yet_or_goes_on_may_be_ordered_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], left: str, continued: bool
) -> None:
    leave(tmp_path, left, continued=continued)
    assert run(tmp_path, capsys, line()) == (0, "imported 1, unchanged 0")


def test_the_row_of_somebody_who_left_since_may_stay_in_the_file_but_not_be_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, capsys, line())
    leave(tmp_path, "2026-05-01")
    assert run(tmp_path, capsys, line()) == (0, "imported 0, unchanged 1")
    assert run(tmp_path, capsys, line(slot="9"))[0] == 2


def test_a_station_that_was_added_by_name_takes_orders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    added = ["station", "add", "entre-b", "entre-a", "--data", str(tmp_path)]
    assert main(added) == 0
    assert "added 1, known 1" in capsys.readouterr().out
    assert run(tmp_path, capsys, line(station="entre-b")) == (0, "imported 1, unchanged 0")
    with pytest.raises(SystemExit):
        main(["station", "add", "Entré B", "--data", str(tmp_path)])
