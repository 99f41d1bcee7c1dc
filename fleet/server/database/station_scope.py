"""Station scope: conditions that narrow a query to the stations that a reader may see."""

import unicodedata
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true

StationCondition = Callable[[Any], ColumnElement[bool]]
"""From a column with station names to the condition that the reader may see them."""


def all_stations(_column: Any) -> ColumnElement[bool]:
    return true()


def stations_like(patterns: frozenset[str]) -> StationCondition:
    """Stations by name, or by beginning of name and `*`."""

    def condition(column: Any) -> ColumnElement[bool]:
        beginnings = (
            column.startswith(pattern[:-1], autoescape=True) for pattern in sorted(patterns) if pattern.endswith("*")
        )
        names = sorted(pattern for pattern in patterns if not pattern.endswith("*"))
        return or_(false(), *([column.in_(names)] if names else []), *beginnings)

    return all_stations if "*" in patterns else condition


def is_visible(patterns: frozenset[str]) -> Callable[[str], bool]:
    """The same of a name."""
    names = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
    beginnings = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    return lambda name: name in names or name.startswith(beginnings)


def normalize_search(typed: str) -> str:
    """Normalize a search text as names are stored: some keyboards send a letter and its ring apart (Unicode, NFC)."""
    return unicodedata.normalize("NFC", typed.strip())
