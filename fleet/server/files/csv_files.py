"""CSV parser for people's spreadsheets (RFC 4180 and what programs make of it): strict, with the place of each fault.

Rules: nothing is guessed about content: bytes that are no UTF-8, a NUL, an open quote, a field too many or too long
are named with their line. Leading and trailing spaces of a field are dropped; empty lines are skipped.

>>> [line.fields for line in read_lines(b"\\xef\\xbb\\xbfa;b\\r\\n1;2\\r\\n", ("a", "b"))]
[{'a': '1', 'b': '2'}]
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Why a file is refused: line (from 1, the header's own), column and reason."""

    line: int
    column: str
    reason: str


MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_FIELD = 1_000
MAX_ROW = 64 * 1024
"""Characters, with all its line breaks: so that a file without any does not become millions of fields."""
MAX_PROBLEMS = 100
"""Problems that are named; a file with more of them has something wrong in every line."""

_BOM = b"\xef\xbb\xbf"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CsvLine:
    """One row: where it begins in the file (from 1) and its fields by column."""

    number: int
    fields: dict[str, str]


class FileError(ValueError):
    """A file that is refused whole."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.more = max(0, len(problems) - MAX_PROBLEMS)


def read_lines(raw: bytes, columns: tuple[str, ...], last: str | None = None) -> list[CsvLine]:
    """All rows below the header. `last`: a column that may follow; where it does not, its fields are empty. Raises FileError
    where the file's form is wrong."""
    text = _decoded(raw)
    if not text.strip():
        raise FileError(
            [FileProblem(1, "", f"the file is empty: its first line names the columns {','.join(columns)}")]
        )
    rows = _rows(text, columns)
    number, header = next(rows, (1, [""]))
    absent = {} if last is None or last in map(str.strip, header) else {last: ""}
    columns = columns if last is None or absent else (*columns, last)
    _check_header(number, header, columns)
    problems: list[FileProblem] = []
    lines: list[CsvLine] = []
    for number, row in rows:
        problem = _row_problem(number, row, columns)
        if problem:
            problems.append(problem)
        elif row:
            fields = {name: field.strip() for name, field in zip(columns, row, strict=True)}
            lines.append(CsvLine(number, fields | absent))
    if problems:
        raise FileError(problems)
    return lines


def check_unique(values: list[T], problems: list[FileProblem], lines: Sequence[CsvLine], key: str) -> list[T]:
    """The values, if there is no problem and no key twice. Raises FileError."""
    first: dict[str, int] = {}
    for line in lines:
        before = first.setdefault(line.fields[key], line.number)
        if before != line.number:
            problems.append(FileProblem(line.number, key, f"{line.fields[key]} is in line {before} already"))
    if problems:
        raise FileError(sorted(problems, key=lambda problem: problem.line))
    return values


def _decoded(raw: bytes) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise FileError([FileProblem(1, "", f"the file has more than {MAX_FILE_BYTES} bytes")])
    raw = raw.removeprefix(_BOM)
    if b"\0" in raw:
        raise FileError(
            [FileProblem(_line_of(raw, raw.index(b"\0")), "", "a NUL byte: not a text file (UTF-16 perhaps?)")]
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = FileProblem(_line_of(raw, error.start), "", "not UTF-8: save the file as CSV UTF-8")
        raise FileError([problem]) from None


def _line_of(raw: bytes, position: int) -> int:
    return len(raw[: position + 1].splitlines())


def _rows(text: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """(line in which it begins, fields) of each row."""
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") >= len(columns) - 1 and "," not in head else ","
    source = _Bounded(text)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        source.room = MAX_ROW
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileError([FileProblem(begins, "", f"cannot be read from here on: {error}")]) from None
        yield begins, row


class _Bounded:
    """The lines of a text, for one row at most `room` characters. Raises csv.Error where a row has more."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.room = MAX_ROW

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines.readline(self.room + 1)
        if not line:
            raise StopIteration
        self.room -= len(line)
        if self.room < 0:
            raise csv.Error(f"a row has more than {MAX_ROW} characters")
        return line


def _check_header(number: int, header: list[str], columns: tuple[str, ...]) -> None:
    names = [name.strip() for name in header]
    problems = [FileProblem(number, name, "this column is missing") for name in columns if name not in names]
    problems += [FileProblem(number, name[:40], "no column of ours") for name in names if name not in columns]
    if not problems and names != list(columns):
        problems.append(FileProblem(number, names[0], f"the columns must be, in this order: {','.join(columns)}"))
    if problems:
        raise FileError(problems)


def _row_problem(number: int, row: list[str], columns: tuple[str, ...]) -> FileProblem | None:
    if not row:
        return None
    if len(row) != len(columns):
        return FileProblem(number, "", f"has {len(row)} fields, the header has {len(columns)}")
    for column, field in zip(columns, row, strict=True):
        if len(field) > MAX_FIELD:
            return FileProblem(number, column, f"more than {MAX_FIELD} characters")
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in field.strip()):
            return FileProblem(number, column, "a line break or control character inside the field")
    return None
