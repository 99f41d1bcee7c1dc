"""Alert service for pages and programs, over the store: implements `fleet.server.alerts.model.Alerts`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from fleet.server.alerts import queries as alerting
from fleet.server.alerts.model import AlertRow, NoticeRow
from fleet.server.alerts.settings import AlertSettings, planned_windows
from fleet.server.database.database import Database
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.maintenance import queries as maintaining
from fleet.server.maintenance.model import PlannedWindow, Window, WindowRow


class AlertService:
    """From any thread. `patterns`: for which stations. `settings`: those of the file, whose windows are shown too."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        patterns: frozenset[str] = frozenset("*"),
        settings: AlertSettings | None = None,
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._settings = settings or AlertSettings({})
        self._patterns = patterns
        self._within = alerting.stations_in(patterns)
        self._sees_members = "*" not in patterns
        """Who does not see the whole fleet sees no outage of it."""

    def within(self, patterns: frozenset[str]) -> "AlertService":
        """The same for these stations only."""
        return AlertService(self._database, self._changes, self._clock, patterns, self._settings)

    def list_alerts(
        self,
        *,
        is_open: bool | None = None,
        station: str | None = None,
        outage: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[AlertRow], int]:
        """Open ones first, then the latest; and how many there are in all."""
        with self._database.reading.begin() as connection:
            return alerting.list_alerts(
                connection, is_open=is_open, station=station, outage=outage, members=self._sees_members,
                within=self._within, limit=limit, offset=offset,
            )  # fmt: skip

    def list_unacknowledged(self, limit: int) -> tuple[list[AlertRow], int]:
        """Read the alerts that wait for somebody, worst first, then the oldest; and how many there are."""
        with self._database.reading.begin() as connection:
            return alerting.unacknowledged_alerts(connection, self._within, limit, members=self._sees_members)

    def find_alert(self, number: int) -> AlertRow | None:
        with self._database.reading.begin() as connection:
            return alerting.find_alert(connection, number, self._within)

    def acknowledge(self, number: int, by: str, note: str) -> AlertRow | None:
        """Say who knows of it: the first one stands. None where there is no such alert."""
        rows = self.acknowledge_all([number], by, note)
        return rows[0] if rows else None

    def acknowledge_all(self, numbers: Sequence[int], by: str, note: str) -> list[AlertRow]:
        """The same for many, in one transaction; gives those that there are."""
        with self._database.writing.begin() as connection:
            rows = [
                alerting.acknowledge(connection, number, by, note, self._clock(), self._within) for number in numbers
            ]
        self._changes.publish(frozenset({Topic.ALERTS}))
        return [row for row in rows if row is not None]

    def queued_notices(self) -> Sequence[NoticeRow]:
        """Read the notices that are not sent yet, and those that were given up."""
        with self._database.reading.begin() as connection:
            return alerting.queued_notices(connection, patterns=self._patterns)

    def list_windows(self, *, ended: bool = False) -> list[WindowRow]:
        """Of all stations, newest first."""
        with self._database.reading.begin() as connection:
            return maintaining.list_windows(connection, ended=ended)

    def planned_windows(self, *, ended: bool = False) -> list[PlannedWindow]:
        """List the maintenance windows, and behind them those of the settings' file."""
        return planned_windows(self._settings, self.list_windows(ended=ended))

    def find_window(self, number: int) -> WindowRow | None:
        with self._database.reading.begin() as connection:
            return maintaining.find_window(connection, number)

    def begin_window(self, window: Window, by: str) -> WindowRow:
        """A new one, which counts from the next look on."""
        with self._database.writing.begin() as connection:
            row = maintaining.begin_window(connection, window, by, self._clock())
        self._changes.publish(frozenset({Topic.ALERTS}))
        return row

    def end_window(self, number: int) -> None:
        with self._database.writing.begin() as connection:
            maintaining.end_window(connection, number, self._clock())
        self._changes.publish(frozenset({Topic.ALERTS}))
