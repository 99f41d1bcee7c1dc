"""Filter and sort order of the list of stations. Pure.

Rules: the filter is in the address; what is not known in it is as if it were not there. Words of a search are all to be found
in a station's title or name.

>>> StationFilter.of("entré a", "ba", "-heard").sort
'-heard'
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleet.server.pages.labels import RANK, Level
from fleet.server.stations.labels import natural_sort_key, sort_worst_first, station_label
from fleet.server.stations.model import StationRow

LEVELS: tuple[Level, ...] = tuple(RANK)
WORST = "worst"
RETIRED = "retired"
_NEVER = datetime.min.replace(tzinfo=UTC)
SORT_KEYS: dict[str, Callable[[StationRow], Any]] = {
    "title": lambda row: natural_sort_key(row.title),
    "unsent": lambda row: row.state.outbox_depth if row.state else -1,
    "today": lambda row: row.errands_today,
    "heard": lambda row: row.heard or _NEVER,
    "version": lambda row: row.state.version if row.state else "",
}


@dataclass(frozen=True, slots=True)
class StationFilter:
    """`level`: of the station's label, or empty. `sort`: `worst`, or a column, from its end with a minus. `show`: `retired` for
    those that have left the fleet."""

    q: str = ""
    level: str = ""
    sort: str = WORST
    show: str = ""

    @classmethod
    def of(cls, q: str, level: str, sort: str, show: str = "") -> "StationFilter":
        is_sortable = sort == WORST or sort.removeprefix("-") in SORT_KEYS
        return cls(
            q.strip(), level if level in LEVELS else "", sort if is_sortable else WORST, show if show == RETIRED else ""
        )

    @property
    def query(self) -> dict[str, str]:
        """For an address, without what is as usual."""
        usual = {"q": "", "level": "", "sort": WORST, "show": ""}
        return {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}

    def direction(self, column: str) -> str:
        return {column: "ascending", f"-{column}": "descending"}.get(self.sort, "none")

    def turned(self, column: str) -> dict[str, str]:
        """The query that a click on that column leads to."""
        return {**self.query, "sort": f"-{column}" if self.sort == column else column}


def filter_stations(rows: Iterable[StationRow], filters: StationFilter) -> list[StationRow]:
    """Return the stations that the filter lets through, in its order."""
    words = filters.q.casefold().split()
    fits = [row for row in rows if _fits(row, words, filters.level)] if words or filters.level else list(rows)
    if filters.sort == WORST:
        return sort_worst_first(fits)
    fits.sort(key=lambda row: row.name)
    return sorted(fits, key=SORT_KEYS[filters.sort.removeprefix("-")], reverse=filters.sort.startswith("-"))


def _fits(row: StationRow, words: list[str], level: str) -> bool:
    if level and station_label(row).level != level:
        return False
    label = f"{row.title.casefold()} {row.name}" if words else ""
    return all(word in label for word in words)
