"""Lists as files: what is on the page is in the file, nothing in it computes, and the audit knows of it."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI

from fleet.server.errands import exports as errand_exports
from fleet.server.errands.model import ErrandQuery, ErrandRow
from fleet.server.files import file_exports as exports
from fleet.server.files.file_exports import Cell, Table, csv_of, in_batches, xlsx_of
from fleet.server.sign_in.service import Access
from fleet.server.web.roles import Role
from tests.fakes.server.readings import FakeReadings
from tests.fakes.server.visitors import COOKIE, program, session
from tests.fleet.server.app.asgi import get

NAMESPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
FORMULAS = ("=1+1", "+46", "-2", "@SUM(A1)", "\t=1", "\r=1")
WIDE = ("\n=1", "\uff1d1+1", "\uff0b46", "\uff0d2", "\uff20A", "a=1")
"""What some programs take for a formula too; the last is none."""


def csv_rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=";"))


def sheet_of(body: bytes) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        return ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 our own file


def cells(body: bytes) -> list[tuple[str, str]]:
    """Type and value of every cell of a workbook, row by row."""
    sheet = sheet_of(body)
    assert sheet.findall(".//m:f", NAMESPACE) == [], "a formula"
    assert sheet.findall(".//m:hyperlink", NAMESPACE) == [], "a link"
    return [(cell.get("t", "n"), "".join(cell.itertext())) for cell in sheet.findall(".//m:c", NAMESPACE)]


def rows_of(*rows: tuple[Cell, ...]) -> Table:
    return Table("made-up", tuple(f"h{number}" for number in range(len(rows[0]))), rows, ZoneInfo("Europe/Stockholm"))


def test_csv_opens_as_it_is_and_computes_nothing() -> None:
    body = b"".join(csv_of(rows_of(FORMULAS, ("å;ä", 'a "b"', "c\nd", "", "7", "=cmd"))))
    assert body.startswith(b"\xef\xbb\xbfh0;h1")
    assert body.endswith(b"\r\n")
    head, first, second = csv_rows(body)
    assert head == ["h0", "h1", "h2", "h3", "h4", "h5"]
    assert first == [f"'{text}" for text in FORMULAS]
    assert second == ["å;ä", 'a "b"', "c\nd", "", "7", "'=cmd"]
    _, wide = csv_rows(b"".join(csv_of(rows_of(WIDE))))
    assert wide == [*(f"'{text}" for text in WIDE[:-1]), "a=1"]


def test_numbers_and_times_in_both_forms() -> None:
    when = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    table = rows_of((-2, when, None, "https://elsewhere.example", "=1+1", "0012"))
    assert csv_rows(b"".join(csv_of(table)))[1] == [
        "-2",
        "2026-06-01 12:00:00",
        "",
        "https://elsewhere.example",
        "'=1+1",
        "0012",
    ]
    said = cells(b"".join(xlsx_of(table)))[6:]
    assert said == [
        ("n", "-2"),
        ("n", "46174.5"),
        ("inlineStr", "https://elsewhere.example"),
        ("inlineStr", "=1+1"),
        ("inlineStr", "0012"),
    ]


def test_csv_goes_out_as_it_is_made() -> None:
    seen: list[int] = []

    def rows() -> Iterator[tuple[Cell, ...]]:
        for number in range(1000):
            seen.append(number)
            yield (number,)

    pieces = csv_of(Table("made-up", ("n",), rows()))
    assert (next(pieces), len(seen)) == (b"\xef\xbb\xbf", 0)
    sent = next(pieces).count(b"\r\n")
    assert sent == len(seen) + 1 < 1000, "nothing is read ahead of what is sent"
    assert len(csv_rows(b"".join(csv_of(Table("made-up", ("n",), [(1,)] * 1000))))) == 1001


@pytest.mark.parametrize("form", [csv_of, xlsx_of])
def test_a_row_is_let_go_once_it_is_written(form: Callable[[Table], Iterator[bytes]]) -> None:
    """Of ten times as many rows no more are in memory."""
    alive, most = 0, 0

    class Word(str):
        """A cell that is counted for as long as anything holds it."""

        __slots__ = ()

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def rows() -> Iterator[tuple[Cell, ...]]:
        nonlocal alive, most
        for number in range(3000):
            alive += 1
            most = max(most, alive)
            yield (Word(f"cell {number}"),)

    assert sum(map(len, form(Table("made-up", ("n",), rows())))) > 3000
    assert (alive, most <= 3) == (0, True)


async def test_errands_are_read_a_batch_at_a_time(
    app: FastAPI, readings: FakeReadings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errand_exports, "BATCH", 3)
    asked: list[int] = []
    read = readings.errands

    def counted(now: datetime, sought: ErrandQuery, *, limit: int, after: ErrandRow | None) -> list[ErrandRow]:
        asked.append(limit)
        some: list[ErrandRow] = read(now, sought, limit=limit, after=after)
        return some

    monkeypatch.setattr(readings, "errands", counted)
    rows = csv_rows((await get(app, "/exports/errands")).body)[1:]
    newest_first = sorted(readings.errand_rows, key=lambda row: row.started, reverse=True)
    assert [row[0] for row in rows] == [row.errand for row in newest_first]
    assert asked == [3] * (len(rows) // 3 + 1)


def test_a_list_is_read_batch_by_batch() -> None:
    asked: list[tuple[int, int]] = []

    def read(limit: int, offset: int) -> tuple[list[int], int]:
        asked.append((limit, offset))
        return list(range(offset, min(offset + limit, 2500))), 2500

    assert list(in_batches(read)) == list(range(2500))
    assert asked == [(1000, 0), (1000, 1000), (1000, 2000)]
    assert list(in_batches(lambda _limit, _offset: ([], 0))) == []


LISTS = ("stations", "errands", "orders", "alerts", "audit", "users", "tokens")


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_comes_in_both_forms_with_the_same_rows(app: FastAPI, access: Access, name: str) -> None:
    session(access, Role.VIEWER, name="listed.test")
    program(access, name=f"list.{name}")
    text = await get(app, f"/exports/{name}?format=csv", accept_language="sv")
    book = await get(app, f"/exports/{name}?format=xlsx", accept_language="sv")
    assert (text.status, book.status) == (200, 200)
    assert text.header("content-type") == "text/csv; charset=utf-8"
    assert text.header("content-disposition") == f'attachment; filename="{name}.csv"'
    rows = csv_rows(text.body)
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    more = 1 if name == "audit" else 0  # each file is told before it is read
    assert len(sheet_of(book.body).findall(".//m:row", NAMESPACE)) == len(rows) + more


async def test_the_filter_of_the_page_holds_and_a_protected_name_is_in_no_file(
    app: FastAPI, readings: FakeReadings
) -> None:
    rows = csv_rows((await get(app, "/exports/orders?state=expired&q=", accept_language="en")).body)
    assert {row[1] for row in rows[1:]} == {"Expired"}
    every = (await get(app, "/exports/orders")).text
    protected = [row for row in readings.order_rows if row.protected]
    assert protected
    assert all(row.hsa_id in every and (row.name is None or row.name not in every) for row in protected)


async def test_a_file_is_told_to_the_audit_with_its_filter(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, name='export.test')}"
    for _ in range(2):
        await get(app, "/exports/orders?q=19121212-1212&state=waiting", cookie=cookie)
    told = [(one.action, one.target, one.detail) for one in access.entries(who="export.test")[0]]
    assert told[:2] == [("export", "orders", "csv [number] waiting")] * 2


async def test_a_viewer_takes_no_people_along(app: FastAPI, access: Access) -> None:
    cookie = f"{COOKIE}={session(access, Role.VIEWER, 'lasarettet-*', 'exporting.test')}"
    assert [(await get(app, f"/exports/{name}", cookie=cookie)).status for name in LISTS] == [
        200,
        200,
        403,
        200,
        403,
        403,
        403,
    ]
    stations = csv_rows((await get(app, "/exports/stations", cookie=cookie)).body)
    assert {row[0] for row in stations[1:]} == {"lasarettet-a", "lasarettet-c"}
    assert "TEST" not in (await get(app, "/exports/errands", cookie=cookie)).text


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_workbook_that_has_no_room_is_refused(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 3)
    monkeypatch.setattr(exports, "_ON_DISK", str(tmp_path))
    assert (await get(app, "/exports/stations?format=xlsx")).status == 413
    assert left_in(tmp_path) == [], "nothing is left on the disk"
    assert (await get(app, "/exports/stations?format=csv")).status == 200
    assert (await get(app, "/exports/stations?format=pdf")).status == 422
