"""Labels of maintenance windows: their times, their status, and which stations are in one now."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fleet.server.maintenance.model import PlannedWindow
from fleet.server.pages.i18n import Localization
from fleet.server.pages.labels import StatusLabel
from fleet.server.stations.model import StationRow
from fleet.server.web.roles import Scope


@dataclass(frozen=True, slots=True)
class ActiveWindow:
    """A window that counts now: until when, and for which stations that the reader may see."""

    window: PlannedWindow
    until: datetime
    stations: tuple[StationRow, ...]


def active_windows(windows: Iterable[PlannedWindow], rows: Sequence[StationRow], now: datetime) -> list[ActiveWindow]:
    """Return the windows that hold now, each with those of these stations that are in it; the first to end first. `now`
    in the zone of the windows."""
    active = [
        ActiveWindow(window, until, tuple(row for row in rows if window.covers(row.name)))
        for window in windows
        if (until := window.ends(now)) is not None
    ]
    return sorted(
        (active_window for active_window in active if active_window.stations),
        key=lambda active_window: active_window.until,
    )


def seen_by(scope: Scope, window: PlannedWindow) -> bool:
    """Return whether some of the window's stations may be within the scope. A pattern of the file may have its `*`
    anywhere: it counts by how it begins."""
    return any(scope.touches(re.sub(r"[*?].*", "*", pattern)) for pattern in window.stations)


def window_times(window: PlannedWindow, t: Localization) -> str:
    """Its span, or its days and times of day."""
    rule = window.rule
    if rule.since is not None and rule.until is not None:
        since, until = (moment.astimezone(t.zone) for moment in (rule.since, rule.until))
        if since.date() == until.date():
            return f"{t.moment(since)}–{t.clock(until)}"
        return f"{t.moment(since)} – {t.moment(until)}"
    days = ", ".join(t(f"weekday.{day}") for day in rule.days) or t("maintenance.daily")
    return f"{days} {rule.start:%H:%M}–{rule.last:%H:%M}"


def window_label(window: PlannedWindow, now: datetime) -> StatusLabel:
    """Return the label of the window's status. `now` in the zone of the windows."""
    if window.over(now):
        return StatusLabel("of", "check", "maintenance_state", "ended" if window.row and window.row.ended else "over")
    if window.ends(now) is not None:
        return StatusLabel("of", "wrench-outline", "maintenance_state", "now")
    return StatusLabel("of", "calendar-clock", "maintenance_state", "later")
