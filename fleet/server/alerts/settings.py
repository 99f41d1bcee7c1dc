"""Settings of alerting: rules, groups of stations, maintenance windows and channels, from a TOML file.

    second_person = ["operations"]
    holders = "operations"

    [rule.offline]
    after_s = 600

    [outage]
    stations = 10

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

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fleet.server.maintenance.model import MaintenanceRule, Name, PlannedWindow, WindowRow
from fleet.server.process import default_settings as shipped

Severity = Literal["notice", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")
Positive = Annotated[float, msgspec.Meta(ge=0)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9*?-]+$")]


class AlertRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Condition under which something is an alert, and how bad it is."""

    severity: Severity
    after_s: Positive = 0
    limit: Positive = 0
    window_s: Positive = 0
    off: bool = False


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Condition under which alerts of many stations are one: at so many stations, with one code, begun within so many seconds.
    0 stations: never."""

    stations: Annotated[int, msgspec.Meta(ge=0)] = 5
    window_s: Positive = 90


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address that is told by POST with JSON. `secret_file` holds the secret of its signature
    (`fleet.server.keys.webhook_signatures`)."""

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
    language: Literal["sv", "en"] = "sv"
    user: str = ""
    password_file: Name | None = None

    def __post_init__(self) -> None:
        if self.user and self.security == "none":
            raise ValueError(f"email {self.name!r}: user and password go over TLS only")


Channel = Webhook | Email


class AlertSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. `rule` is by code."""

    rule: dict[str, AlertRule]
    groups: dict[str, tuple[Pattern, ...]] = {}
    maintenance: tuple[MaintenanceRule, ...] = ()
    webhook: tuple[Webhook, ...] = ()
    email: tuple[Email, ...] = ()
    outage: Outage = Outage()
    second_person: tuple[Name, ...] | None = None
    """Names of the channels that are told of a command that waits for a second person; None: all of them."""
    holders: Name | None = None
    """Name of the e-mail channel by whose mail server holders are told of a certificate that ends; None: they are not."""

    def __post_init__(self) -> None:
        for rule in self.maintenance:
            if rule.group not in self.groups:
                raise ValueError(f"maintenance {rule.name!r}: no group is called {rule.group!r}")
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError("two channels have the same name")
        if unknown := set(self.second_person or ()) - set(names):
            raise ValueError(f"second_person: no channel is called {min(unknown)!r}")
        if self.holders is not None and self.holders_channel is None:
            raise ValueError(f"holders: no e-mail channel is called {self.holders!r}")

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All ways to tell people."""
        return (*self.webhook, *self.email)

    @property
    def seconds(self) -> tuple[str, ...]:
        """Names of the channels that are told of a command that waits for a second person."""
        return tuple(channel.name for channel in self.channels) if self.second_person is None else self.second_person

    @property
    def holders_channel(self) -> Email | None:
        """The e-mail channel for holders."""
        return next((channel for channel in self.email if channel.name == self.holders), None)

    def told_of(self, severity: str) -> list[str]:
        """Names of the channels that are told of alerts of that severity."""
        return [channel.name for channel in self.channels if at_least(severity, channel.severity)]

    def in_maintenance(self, station: str, now: datetime) -> bool:
        """Return whether nobody is to be told of this station now. `now` in the zone of the windows."""
        return any(
            fnmatchcase(station, pattern)
            for rule in self.maintenance
            if rule.holds(now)
            for pattern in self.groups[rule.group]
        )


def load(path: Path | None = None) -> AlertSettings:
    """The rules that ship, with what the file changes. Raises SettingsError, OSError."""
    rules = shipped.read(Path(__file__).with_name("rules.toml"))
    return shipped.load(rules, path, "rule", AlertSettings)


def at_least(severity: str, least: Severity) -> bool:
    """Return whether `severity` is `least` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def planned_windows(settings: AlertSettings, rows: Iterable[WindowRow]) -> list[PlannedWindow]:
    """List the windows that people and programs made, in the order given, then those of the file."""
    made = [PlannedWindow(row.window.name, row.window.stations, row.window.rule(""), row) for row in rows]
    return made + [PlannedWindow(rule.name, settings.groups[rule.group], rule) for rule in settings.maintenance]


def with_windows(settings: AlertSettings, rows: Iterable[WindowRow]) -> AlertSettings:
    """The settings with these windows beside the file's own."""
    named = {f"window {row.id}": row.window for row in rows}
    groups = {**settings.groups, **{group: window.stations for group, window in named.items()}}
    rules = tuple(window.rule(group) for group, window in named.items())
    return msgspec.structs.replace(settings, groups=groups, maintenance=(*settings.maintenance, *rules))
