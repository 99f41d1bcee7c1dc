"""File export of a list: CSV, streamed as it is made, or a workbook (XLSX), made on the disk and sent from there.

Rules: CSV is UTF-8 with its mark, semicolons between fields and CRLF after rows, which spreadsheets of Swedish offices open as
they are; a text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, in whatever width, or a tab or
line break) gets an apostrophe in front. A workbook holds text, whole numbers and times, and nothing that computes. Times are
those of the page's zone. Each file is told to the audit before it is sent. Of either form a few rows are in memory at a time.

>>> b"".join(csv_of(Table("orders", ("Order", "Cards"), [("=1+1", 3)]))).decode("utf-8-sig")
"Order;Cards\\r\\n'=1+1;3\\r\\n"
"""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import IO, Annotated, Generic, Literal, TypeVar

import xlsxwriter
from fastapi import HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from xlsxwriter.format import Format as Looks
from xlsxwriter.worksheet import Worksheet

from fleet.server.audit_log.log import AuditEvent
from fleet.server.pages.i18n import Localization
from fleet.server.web.authorization import address_of, audit_change, caller_of, rate_limiter_of

Row = TypeVar("Row")
Cell = str | int | datetime | None
Format = Annotated[Literal["csv", "xlsx"], Query(alias="format")]
MOST_ROWS = 1_048_575
"""Of a workbook, without its heading."""

EXPORTED = "export"
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Some programs take the wide forms of the first four for them."""
Search = Annotated[str, Query(max_length=100)]
Word = Annotated[str, Query(max_length=64)]
_CHUNK = 64 * 1024
_CSV_ROWS = 200
BATCH = 1000
_ON_DISK = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None  # noqa: S108 nameless, or made by tempfile
"""Where a workbook is made: `/tmp` may be memory."""
_WORKBOOK = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@dataclass(frozen=True, slots=True)
class Table:
    """One list. `rows` may be read once, and as slowly as they are sent."""

    name: str
    """Of the file and of its entry in the audit: lower-case letters."""
    headings: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class ExportColumn(Generic[Row]):
    """One column of a list's file: the key of its heading, and what each row has there.

    `shows`: keys of the headings of the page, where they differ from its own, whose content this column gives.
    """

    heading: str
    cell: Callable[[Row, Localization], Cell]
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileExport(Generic[Row]):
    """A list as a file: what its page's table shows, and what programs need beside it.

    `left_out`: keys of the headings of the page that are in no column, on purpose.
    """

    name: str
    """Of the list, its file, the page's table and the entry in the audit."""
    columns: tuple[ExportColumn[Row], ...]
    left_out: tuple[str, ...] = ()

    def table(self, rows: Iterable[Row], t: Localization) -> Table:
        """These rows in that language."""
        cells = (tuple(column.cell(row, t) for column in self.columns) for row in rows)
        return Table(self.name, tuple(t(column.heading) for column in self.columns), cells, t.zone)


def send_file(request: Request, table: Table, form: str, filters: str = "") -> StreamingResponse:
    """The file as an answer. `filters`: the filter, for the audit. Raises HTTPException where a workbook has no room for it."""
    rate_limiter_of(request).look(caller_of(request), address_of(request))
    audit_change(request, AuditEvent(EXPORTED, table.name, f"{form} {filters}".strip()))
    body = csv_of(table) if form == "csv" else xlsx_of(table)
    headers = {"content-disposition": f'attachment; filename="{table.name}.{form}"'}
    return StreamingResponse(body, media_type=_MEDIA[form], headers=headers)


def in_batches(read: Callable[[int, int], tuple[Sequence[Row], int]]) -> Iterator[Row]:
    """Rows of a list that is read page by page: `read(limit, offset)` gives rows and how many there are."""
    offset, total = 0, 1
    while offset < total:
        rows, total = read(BATCH, offset)
        yield from rows
        offset += BATCH


def csv_of(table: Table) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow([_guarded(heading) for heading in table.headings])
    yield b"\xef\xbb\xbf"
    for number, row in enumerate(table.rows, 1):
        writer.writerow([_written(cell, table.zone) for cell in row])
        if number % _CSV_ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def xlsx_of(table: Table) -> Iterator[bytes]:
    """The file in pieces; it is whole before the first. Raises HTTPException for more than `MOST_ROWS`."""
    file = tempfile.TemporaryFile(dir=_ON_DISK)  # noqa: SIM115 closed by the one who reads it
    try:
        with tempfile.TemporaryDirectory(dir=_ON_DISK) as scratch:
            _write_workbook(file, table, scratch)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _pieces(file)


def _write_workbook(file: IO[bytes], table: Table, scratch: str) -> None:
    book = xlsxwriter.Workbook(file, _WORKBOOK | {"tmpdir": scratch})
    sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for column, heading in enumerate(table.headings):
        sheet.write_string(0, column, heading, bold)
    with closing(sheet.row_data_fh):  # where a row is refused, the book is never closed
        for number, row in enumerate(table.rows, 1):
            if number > MOST_ROWS:
                raise HTTPException(413, "more rows than a workbook holds: narrow the filter, or take CSV")
            _write_row(sheet, number, row, moment, table.zone)
        sheet.freeze_panes(1, 0)
        book.close()


def _write_row(sheet: Worksheet, number: int, row: Sequence[Cell], moment: Looks, zone: tzinfo | None) -> None:
    for column, cell in enumerate(row):
        if isinstance(cell, datetime):
            sheet.write_datetime(number, column, cell.astimezone(zone).replace(tzinfo=None), moment)
        elif isinstance(cell, int):
            sheet.write_number(number, column, cell)
        elif cell:
            sheet.write_string(number, column, cell)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _taken(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _written(cell: Cell, zone: tzinfo | None) -> str:
    if isinstance(cell, datetime):
        return f"{cell.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    return _guarded(cell) if isinstance(cell, str) else "" if cell is None else str(cell)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
