"""Alerts in memory for tests of the web, made up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from fleet.server.alerts.model import AlertRow, NoticeRow, PendingApproval
from fleet.server.alerts.settings import SEVERITIES, AlertSettings, planned_windows
from fleet.server.maintenance.model import PlannedWindow, Window, WindowRow
from tests.fakes.server.readings import NOW


@dataclass
class FakeAlerts:
    """Implements `fleet.server.alerts.model.Alerts` over a list. `patterns`: what it was narrowed to last."""

    rows: list[AlertRow] = field(default_factory=list)
    notices: list[NoticeRow] = field(default_factory=list)
    patterns: frozenset[str] = frozenset("*")
    maintenance: list[WindowRow] = field(default_factory=list)
    settings: AlertSettings = field(default_factory=lambda: AlertSettings({}))

    def within(self, patterns: frozenset[str]) -> "FakeAlerts":
        self.patterns = patterns
        return self

    def list_alerts(
        self,
        *,
        is_open: bool | None = None,
        station: str | None = None,
        outage: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[AlertRow], int]:
        fits = [
            row
            for row in self.rows
            if station in (None, row.station)
            and is_open in (None, row.closed is None)
            and self._may(row)
            and row.outage == outage
        ]
        return fits[offset : offset + limit], len(fits)

    def list_unacknowledged(self, limit: int) -> tuple[list[AlertRow], int]:
        fits = [row for row in self.list_alerts(is_open=True)[0] if row.acknowledged is None and not row.silent]
        return sorted(fits, key=lambda row: -SEVERITIES.index(row.severity))[:limit], len(fits)

    def find_alert(self, number: int) -> AlertRow | None:
        return next((row for row in self.rows if row.id == number and self._may(row)), None)

    def acknowledge(self, number: int, by: str, note: str) -> AlertRow | None:
        self.rows = [
            replace(row, acknowledged=NOW, by=by, note=note)
            if row.id == number and self._may(row) and row.acknowledged is None
            else row
            for row in self.rows
        ]
        return self.find_alert(number)

    def acknowledge_all(self, numbers: Sequence[int], by: str, note: str) -> list[AlertRow]:
        return [row for number in numbers if (row := self.acknowledge(number, by, note)) is not None]

    def queued_notices(self) -> list[NoticeRow]:
        return [one for one in self.notices if self._may(one.about)]

    def list_windows(self, *, ended: bool = False) -> list[WindowRow]:
        return [row for row in self.maintenance[::-1] if ended or row.ended is None]

    def planned_windows(self, *, ended: bool = False) -> list[PlannedWindow]:
        return planned_windows(self.settings, self.list_windows(ended=ended))

    def find_window(self, number: int) -> WindowRow | None:
        return next((row for row in self.maintenance if row.id == number), None)

    def begin_window(self, window: Window, by: str) -> WindowRow:
        self.maintenance.append(WindowRow(len(self.maintenance) + 1, window, by, NOW))
        return self.maintenance[-1]

    def end_window(self, number: int) -> None:
        self.maintenance = [
            replace(row, ended=row.ended or NOW) if row.id == number else row for row in self.maintenance
        ]

    def _may(self, row: AlertRow | PendingApproval) -> bool:
        return "*" in self.patterns or row.station in self.patterns


def alert(number: int, station: str, code: str, **facts: object) -> AlertRow:
    """One that is open."""
    known = {
        "subject": "", "severity": "critical", "detail": "", "first": NOW - timedelta(hours=1), "last": NOW, "times": 1,
        "silent": False, "closed": None, "acknowledged": None, "by": None, "note": None,
    }  # fmt: skip
    return AlertRow(id=number, station=station, code=code, **{**known, **facts})  # type: ignore[arg-type]


def demo_alerts() -> list[AlertRow]:
    """Some of each kind."""
    return [
        alert(1, "lasarettet-a", "paper", subject="kvittens", severity="notice", detail="paper_low"),
        alert(2, "", "product_failing", subject="601", detail="4"),
        alert(3, "lasarettet-a", "slot", subject="14", severity="warning", detail="open", silent=True),
        alert(4, "lasarettet-a", "offline", closed=NOW, times=3),
        alert(5, "lasarettet-a", "chain_broken", detail="1:7", acknowledged=NOW, by="maj.test", note="Ringt dem"),
    ]
