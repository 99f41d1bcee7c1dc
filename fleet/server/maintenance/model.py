"""Maintenance windows that were made while the server runs, by people and programs; those of the file stay in the file.

Rules: a window is for stations by name, or by beginning of name and `*`; it recurs by day and time of day in the server's zone,
as long each time whatever becomes of the clocks, or is one span. A window that was ended counts no more and stays for a
look back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from fleet.server.alerts.settings import AlertSettings, Maintenance

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_LAST = datetime.max.replace(tzinfo=UTC)


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """Either `start` (HH:MM, less than a day long; on all days where `days` is empty), or `since` (aware): for `minutes`."""

    name: str
    stations: tuple[str, ...]
    minutes: int
    days: tuple[Day, ...] = ()
    start: str | None = None
    since: datetime | None = None
    reason: str = ""

    def rule(self, group: str) -> Maintenance:
        """As the file would say it, for the group of that name."""
        if self.since is not None:
            return Maintenance(self.name, group, since=self.since, until=_after(self.since, self.minutes))
        assert self.start is not None
        return Maintenance(self.name, group, self.days, time.fromisoformat(self.start), minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window: who made it, and whether it was ended."""

    id: int
    window: Window
    by: str
    made: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A window as people see it. `stations` are patterns; `row` is None where it stands in the settings' file."""

    name: str
    stations: tuple[str, ...]
    rule: Maintenance
    row: WindowRow | None = None

    def ends(self, now: datetime) -> datetime | None:
        """When it is over, where it counts now. `now` in the zone of the windows."""
        return None if self.row is not None and self.row.ended is not None else self.rule.ends(now)

    def over(self, now: datetime) -> bool:
        """Whether it never counts again."""
        ended = self.row is not None and self.row.ended is not None
        return ended or (self.rule.until is not None and self.rule.until <= now)

    def covers(self, station: str) -> bool:
        """Whether it is for that station."""
        return any(fnmatchcase(station, pattern) for pattern in self.stations)


def planned(settings: AlertSettings, rows: Iterable[WindowRow]) -> list[Planned]:
    """Those that people and programs made, in the order given, then those of the file."""
    made = [Planned(row.window.name, row.window.stations, row.window.rule(""), row) for row in rows]
    return made + [Planned(one.name, settings.groups[one.group], one) for one in settings.maintenance]


def with_windows(settings: AlertSettings, rows: Iterable[WindowRow]) -> AlertSettings:
    """The settings with these windows beside the file's own."""
    named = {f"window {row.id}": row.window for row in rows}
    groups = {**settings.groups, **{group: window.stations for group, window in named.items()}}
    rules = tuple(window.rule(group) for group, window in named.items())
    return msgspec.structs.replace(settings, groups=groups, maintenance=(*settings.maintenance, *rules))


def _after(since: datetime, minutes: int) -> datetime:
    try:
        return since + timedelta(minutes=minutes)
    except OverflowError:
        return _LAST
