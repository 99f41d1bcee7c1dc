"""Read models of alerts and of notices to people, and the interface that pages and programs use.

>>> "note" in AlertRow.__dataclass_fields__
True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fleet.server.live_feed.topics import Topic, changes_with
from fleet.server.maintenance.model import PlannedWindow, Window, WindowRow


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert, as pages and programs see it."""

    id: int
    station: str
    code: str
    subject: str
    severity: str
    detail: str
    first: datetime
    last: datetime
    times: int
    silent: bool
    closed: datetime | None
    acknowledged: datetime | None
    by: str | None
    note: str | None
    stations: int | None = None
    """At how many stations, where it is an outage of many; `still` at how many of them now."""
    still: int | None = None
    outage: int | None = None
    """The outage that it is part of."""


@dataclass(frozen=True, slots=True)
class PendingApproval:
    """A command that waits for a second person, as a channel is told: nothing of a card or a holder, and no free text.

    `link` is the address of its page, empty where it is not known.
    """

    id: int
    station: str
    command: str
    by: str
    asked: datetime
    decide_by: datetime | None
    link: str = ""


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One word to people, about an alert or a command: `due` is null once it is sent or given up."""

    id: int
    about: AlertRow | PendingApproval
    channel: str
    what: str
    made: datetime
    due: datetime | None
    tries: int
    sent: datetime | None
    error: str | None
    uid: str
    """For receivers: random, and the same at each try."""
    title: str = ""
    """Of the station; what the queue does not keep is filled in when it is sent."""
    members: tuple[str, ...] = ()
    """Titles of the stations of an outage where it is so still."""
    link: str = ""
    """The address of the alert's page, empty where it is not known."""
    untold: frozenset[str] = frozenset()
    """Mail addresses of who did it: they are left out of a channel's."""


@dataclass(frozen=True, slots=True)
class NoticeBundle:
    """Words about alerts that come together, for one person's mailbox: one message for all of them."""

    notices: tuple[NoticeRow, ...]


class Alerts(Protocol):
    """Alerts as pages and the API read and change them."""

    def within(self, patterns: frozenset[str]) -> "Alerts":
        """The same for these stations only: names, or beginnings of names with `*`. The whole fleet's are for `*` alone."""

    @changes_with(Topic.ALERTS)
    def list_alerts(
        self,
        *,
        is_open: bool | None = None,
        station: str | None = None,
        outage: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[AlertRow], int]:
        """Open ones first, then the latest; and how many there are in all. An outage stands for its members, which are listed by
        `outage` or by station, and for who does not see the whole fleet."""

    @changes_with(Topic.ALERTS)
    def list_unacknowledged(self, limit: int) -> tuple[list[AlertRow], int]:
        """Open ones that nobody has acknowledged and no maintenance keeps silent, worst first; and how many there are."""

    @changes_with(Topic.ALERTS)
    def find_alert(self, number: int) -> AlertRow | None: ...

    def acknowledge(self, number: int, by: str, note: str) -> AlertRow | None:
        """Say who knows of it: the first one stands. Of an outage all is acknowledged. None where there is no such alert."""

    def acknowledge_all(self, numbers: Sequence[int], by: str, note: str) -> list[AlertRow]:
        """The same for many; gives those that there are."""

    @changes_with(Topic.ALERTS)
    def queued_notices(self) -> Sequence[NoticeRow]:
        """Words to people that are not sent yet, and those that were given up; the newest first, at most a hundred."""

    @changes_with(Topic.ALERTS)
    def list_windows(self, *, ended: bool = False) -> list[WindowRow]:
        """Maintenance windows of all stations that count, newest first; with `ended` the others too."""

    @changes_with(Topic.ALERTS)
    def planned_windows(self, *, ended: bool = False) -> list[PlannedWindow]:
        """The same, and behind them those of the settings' file."""

    @changes_with(Topic.ALERTS)
    def find_window(self, number: int) -> WindowRow | None: ...

    def begin_window(self, window: Window, by: str) -> WindowRow: ...

    def end_window(self, number: int) -> None:
        """It counts no more. Ended before, it stays as it was."""
