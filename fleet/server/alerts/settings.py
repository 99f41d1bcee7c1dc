"""Rules, groups of stations, maintenance windows and channels, from a TOML file.

    second_person = ["operations"]

    [rule.offline]
    after_s = 600

    [groups]
    hospital = ["entre-*", "akuten"]

    [[maintenance]]
    name = "network, first Sunday"
    group = "hospital"
    days = ["sun"]
    start = 02:00:00
    end = 04:30:00

    [[email]]
    name = "operations"
    host = "smtp.example"
    sender = "kortkiosk@region.example"
    to = ["drift@region.example"]

Rules that the file does not name are those of `rules.toml`; `off = true` ends one. A window without `days` is every day; with
`since` and `until` it is that one span. Times of day are local; a window over midnight is named by the day on which it begins. In
place of `end` a window may have `minutes`: it is that long also where the clocks are changed meanwhile.
"""

from datetime import date, datetime, time, timedelta, tzinfo
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fleet.server.platform import default_settings as shipped
from fleet.server.platform import time_zones as zones

Severity = Literal["notice", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES = 24 * 60
Positive = Annotated[float, msgspec.Meta(ge=0)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9*?-]+$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class AlertSettingsError(Exception):
    """The file cannot be used. The text says where and why."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When something is an alert, and how bad it is."""

    severity: Severity
    after_s: Positive = 0
    limit: Positive = 0
    window_s: Positive = 0
    off: bool = False


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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
        said = {one for one in ("start", "end", "minutes", "since", "until") if getattr(self, one) is not None}
        if said not in ({"start", "end"}, {"start", "minutes"}, {"since", "until"}):
            raise ValueError(
                f"maintenance {self.name!r}: either start and end (times of day) or minutes, or since and until"
            )
        if any(one is not None and one.tzinfo is None for one in (self.since, self.until)):
            raise ValueError(f"maintenance {self.name!r}: since and until need a time zone")

    def holds(self, now: datetime) -> bool:
        """Whether it is now. `now` is aware; days and times of day are those of its zone."""
        return self.ends(now) is not None

    def ends(self, now: datetime) -> datetime | None:
        """When it is over, where it is now; None where it is not. `now` as for `holds`: with a zone that knows its changes
        (`zones.HERE` is the machine's own)."""
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
def _spans(rule: Maintenance, today: date, zone: tzinfo) -> tuple[tuple[datetime, datetime], ...]:
    """Those of a rule that may be now: begun today or the day before. Asked anew for each alert of a look."""
    both = (rule.on(today - timedelta(days=back), zone) for back in (0, 1))
    return tuple(one for one in both if one is not None)


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address that is told by POST with JSON. `secret_file` holds the secret of its signature
    (`fleet.server.platform.webhook_signatures`)."""

    name: Name
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://")]
    severity: Severity = "warning"
    secret_file: Name | None = None


class Email(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """People who are told by e-mail. `security`: `starttls` (RFC 3207), `tls` from the start, `none`."""

    name: Name
    host: Name
    sender: Name
    to: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 587
    severity: Severity = "warning"
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: Name | None = None

    def __post_init__(self) -> None:
        if self.user and self.security == "none":
            raise ValueError(f"email {self.name!r}: user and password go over TLS only")


Channel = Webhook | Email


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `rule` is by code."""

    rule: dict[str, Rule]
    groups: dict[str, tuple[Pattern, ...]] = {}
    maintenance: tuple[Maintenance, ...] = ()
    webhook: tuple[Webhook, ...] = ()
    email: tuple[Email, ...] = ()
    second_person: tuple[Name, ...] | None = None
    """Names of the channels that are told of a command that waits for a second person; None: all of them."""

    def __post_init__(self) -> None:
        for one in self.maintenance:
            if one.group not in self.groups:
                raise ValueError(f"maintenance {one.name!r}: no group is called {one.group!r}")
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError("two channels have the same name")
        if unknown := set(self.second_person or ()) - set(names):
            raise ValueError(f"second_person: no channel is called {min(unknown)!r}")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All ways to tell people."""
        return (*self.webhook, *self.email)

    @property
    def seconds(self) -> tuple[str, ...]:
        """Names of the channels that are told of a command that waits for a second person."""
        return tuple(one.name for one in self.channels) if self.second_person is None else self.second_person

    def in_maintenance(self, station: str, now: datetime) -> bool:
        """Whether nobody is to be told of this station now. `now` in the zone of the windows."""
        return any(
            fnmatchcase(station, pattern)
            for one in self.maintenance
            if one.holds(now)
            for pattern in self.groups[one.group]
        )


def load(path: Path | None = None) -> AlertSettings:
    """The rules that ship, with what the file changes. Raises AlertSettingsError, OSError."""
    rules = shipped.read(Path(__file__).with_name("rules.toml"))
    return shipped.load(rules, path, "rule", AlertSettings, AlertSettingsError)


def at_least(severity: str, least: Severity) -> bool:
    """Whether it is bad enough."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)
