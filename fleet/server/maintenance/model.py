"""Read models of maintenance windows made while the server runs, by people and programs; those of the file stay in the file.

Rules: a window is for stations by name, or by beginning of name and `*`; it recurs by day and time of day in the server's zone,
as long each time whatever becomes of the clocks, or is one span. A window that was ended counts no more and stays for a
look back.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Literal

import msgspec

from fleet.server.clock import time_zones as zones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


_DAY_MINUTES = 24 * 60


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class MaintenanceRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which nobody is told of a group's alerts. They are kept, and told where they are still there after it.

    What recurs has `start`, and `end` or `minutes`; what is once has `since` and `until`.
    """

    name: Name
    group: Name
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()
    start: time | None = None
    end: time | None = None
    since: datetime | None = None
    until: datetime | None = None
    minutes: Annotated[int, msgspec.Meta(ge=1, lt=_DAY_MINUTES)] | None = None

    def __post_init__(self) -> None:
        given = {name for name in ("start", "end", "minutes", "since", "until") if getattr(self, name) is not None}
        if given not in ({"start", "end"}, {"start", "minutes"}, {"since", "until"}):
            raise ValueError(
                f"maintenance {self.name!r}: either start and end (times of day) or minutes, or since and until"
            )
        if any(moment is not None and moment.tzinfo is None for moment in (self.since, self.until)):
            raise ValueError(f"maintenance {self.name!r}: since and until need a time zone")

    def holds(self, now: datetime) -> bool:
        """Return whether the maintenance holds now. `now` is aware; days and times of day are those of its zone."""
        return self.ends(now) is not None

    def ends(self, now: datetime) -> datetime | None:
        """Return when the maintenance of now is over; None where there is none now. `now` as for `holds`: with a zone
        that knows its changes (`zones.HERE` is the machine's own)."""
        if self.since is not None and self.until is not None:
            return self.until if self.since <= now < self.until else None
        assert now.tzinfo is not None
        spans = _spans(self, now.date(), now.tzinfo)
        return next((end.astimezone(now.tzinfo) for begin, end in spans if begin <= now < end), None)

    @property
    def last(self) -> time:
        """The time of day at which what recurs ends, where the clocks are not changed meanwhile."""
        assert self.start is not None
        if self.end is not None:
            return self.end
        minutes = (self.start.hour * 60 + self.start.minute + (self.minutes or 0)) % _DAY_MINUTES
        return time(*divmod(minutes, 60))

    def on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """From when to when it is that begins on that day, in UTC; None where none does."""
        assert self.start is not None
        if self.days and DAYS[day.weekday()] not in self.days:
            return None
        begin = zones.begins(datetime.combine(day, self.start), zone)
        if self.end is None:
            return begin, begin + timedelta(minutes=self.minutes or 0)
        later = timedelta(days=self.end < self.start)
        end = begin if self.end == self.start else zones.ends(datetime.combine(day, self.end) + later, zone)
        return begin, end


@lru_cache(maxsize=256)
def _spans(rule: MaintenanceRule, today: date, zone: tzinfo) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans of a rule that may hold now: begun today or the day before. Asked anew for each alert of a look."""
    both = (rule.on(today - timedelta(days=back), zone) for back in (0, 1))
    return tuple(span for span in both if span is not None)


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

    def rule(self, group: str) -> MaintenanceRule:
        """As the file would say it, for the group of that name."""
        if self.since is not None:
            return MaintenanceRule(self.name, group, since=self.since, until=_after(self.since, self.minutes))
        assert self.start is not None
        return MaintenanceRule(self.name, group, self.days, time.fromisoformat(self.start), minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window: who made it, and whether it was ended."""

    id: int
    window: Window
    by: str
    made: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window as people see it. `stations` are patterns; `row` is None where it stands in the settings' file."""

    name: str
    stations: tuple[str, ...]
    rule: MaintenanceRule
    row: WindowRow | None = None

    def ends(self, now: datetime) -> datetime | None:
        """Return when the window of now is over; None where it does not count now. `now` in the zone of the windows."""
        return None if self.row is not None and self.row.ended is not None else self.rule.ends(now)

    def over(self, now: datetime) -> bool:
        """Return whether the window never counts again."""
        ended = self.row is not None and self.row.ended is not None
        return ended or (self.rule.until is not None and self.rule.until <= now)

    def covers(self, station: str) -> bool:
        """Return whether the window is for that station."""
        return any(fnmatchcase(station, pattern) for pattern in self.stations)


def _after(since: datetime, minutes: int) -> datetime:
    try:
        return since + timedelta(minutes=minutes)
    except OverflowError:
        return _LAST
