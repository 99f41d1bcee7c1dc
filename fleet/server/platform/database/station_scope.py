"""Station scope: conditions that narrow a query to the stations that a reader may see."""

import unicodedata
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true

StationCondition = Callable[[Any], ColumnElement[bool]]
"""From a column with station names to the condition that the reader may see them."""


def all_stations(_column: Any) -> ColumnElement[bool]:
    """All stations."""
    return true()


def stations_like(patterns: frozenset[str]) -> StationCondition:
    """Stations by name, or by beginning of name and `*`."""

    def condition(column: Any) -> ColumnElement[bool]:
        beginnings = (column.startswith(one[:-1], autoescape=True) for one in sorted(patterns) if one.endswith("*"))
        names = sorted(one for one in patterns if not one.endswith("*"))
        return or_(false(), *([column.in_(names)] if names else []), *beginnings)

    return all_stations if "*" in patterns else condition


def is_visible(patterns: frozenset[str]) -> Callable[[str], bool]:
    """The same of a name."""
    names = frozenset(one for one in patterns if not one.endswith("*"))
    beginnings = tuple(one[:-1] for one in patterns if one.endswith("*"))
    return lambda name: name in names or name.startswith(beginnings)


def normalize_search(typed: str) -> str:
    """What somebody looks for, as names are stored: some keyboards send a letter and its ring apart (Unicode, NFC)."""
    return unicodedata.normalize("NFC", typed.strip())
