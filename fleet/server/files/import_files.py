"""Import of files: rules of columns, problems by line, and what an import did."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from fleet.server.files.csv_files import CsvLine, FileProblem


@dataclass(frozen=True, slots=True)
class ImportResult:
    added: int
    changed: int
    unchanged: int
    removed: int = 0
    proposed: int = 0
    """Rows that wait for a second person."""


class ImportRefusedError(Exception):
    """The rows cannot be taken together with what is stored; nothing was changed."""

    def __init__(self, problems: Sequence[FileProblem]) -> None:
        super().__init__(f"{len(problems)} rows were refused")
        self.problems = tuple(problems)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """Rule for the fields of one column; `reason` is said where a field breaks it."""

    fits: Callable[[str], object]
    reason: str


HSA_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}\Z")
PERSON_RULES = {
    "hsa_id": ColumnRule(HSA_ID.match, "must be an HSA-id such as SE2321000016-1A2B, in capitals"),
    "name": ColumnRule(lambda text: 0 < len(text) <= 120, "1 to 120 characters"),
}


def broken_rules(line: CsvLine, rules: dict[str, ColumnRule]) -> list[FileProblem]:
    """Return a problem for each column of the line that breaks its rule."""
    return [
        FileProblem(line.number, column, rule.reason)
        for column, rule in rules.items()
        if not rule.fits(line.fields[column])
    ]


def is_day(text: str) -> bool:
    """Return whether the text is a calendar day, ISO 8601."""
    try:
        return bool(_DAY.match(text) and date.fromisoformat(text))
    except ValueError:
        return False
