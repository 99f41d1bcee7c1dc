"""Import of files: rules of columns, problems by line, and what an import did."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is refused: line (from 1, the header's own), column and reason."""

    line: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    changed: int
    unchanged: int
    removed: int = 0


class RefusedError(Exception):
    """The rows cannot be taken together with what is stored; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} rows were refused")
        self.problems = tuple(problems)
