"""State transitions of alerts: open, reopen, update, close. Pure but for its memory of since when each condition holds.

Rules: one alert for each key; a condition counts once it has lasted `after_s`; gone, it closes by itself; back within a
quarter of an hour, it is the same alert again. What has happened (`LATCHED`) closes when somebody has acknowledged it, or when
its station is retired, and a later one opens anew. In a maintenance window an alert is silent; where it outlasts the window,
people are told then.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.server.alerts.rules import GROWS, LATCHED, AlertKey, RuleMatch
from fleet.server.alerts.settings import AlertSettings

SAME_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """The newest alert of a key in the store."""

    id: int
    detail: str
    last: datetime
    times: int
    silent: bool
    closed: datetime | None
    acknowledged: datetime | None


@dataclass(frozen=True, slots=True)
class OpenAlert:
    finding: RuleMatch
    silent: bool


@dataclass(frozen=True, slots=True)
class ReopenAlert:
    """It came back soon: the same alert, counted once more."""

    id: int
    finding: RuleMatch


@dataclass(frozen=True, slots=True)
class UpdateAlert:
    """It is still there, and something about it is new. `tell`: a window that kept it silent is over."""

    id: int
    finding: RuleMatch
    tell: bool


@dataclass(frozen=True, slots=True)
class CloseAlert:
    """It is over. `tell`: false where something worse takes its place."""

    id: int
    tell: bool = True


Decision = OpenAlert | ReopenAlert | UpdateAlert | CloseAlert


class AlertTracker:
    """Decides again and again. It remembers since when each condition holds; after a restart it counts anew."""

    def __init__(self) -> None:
        self._since: dict[AlertKey, datetime] = {}

    def decide(
        self,
        matches: Iterable[RuleMatch],
        stored_alerts: Mapping[AlertKey, StoredAlert],
        settings: AlertSettings,
        now: datetime,
        retired: Set[str] = frozenset(),
    ) -> list[Decision]:
        """Decide what to write. `now` in the zone of the maintenance windows. `retired`: stations that have left the fleet."""
        present = {match_.key: match_ for match_ in matches}
        self._since = {
            key: self._since.get(key) or match_.counts_from or match_.since or now for key, match_ in present.items()
        }
        decisions: list[Decision] = []
        for key, finding in present.items():
            if (decision := self._on(finding, stored_alerts.get(key), settings, now)) is not None:
                decisions.append(decision)
        gone = [key for key, stored in stored_alerts.items() if key not in present and stored.closed is None]
        return decisions + [
            CloseAlert(stored_alerts[key].id, tell=(key[0], GROWS.get(key[1]), key[2]) not in present)
            for key in gone
            if key[1] not in LATCHED or key[0] in retired
        ]

    def _on(
        self, finding: RuleMatch, stored: StoredAlert | None, settings: AlertSettings, now: datetime
    ) -> Decision | None:
        silent = settings.in_maintenance(finding.station, now)
        if stored is None or stored.closed is not None:
            return self._begin(finding, stored, settings, now, silent=silent)
        latched = finding.code in LATCHED
        if latched and stored.acknowledged is not None:
            return CloseAlert(stored.id)
        tell = stored.silent and not silent
        if tell or finding.detail != stored.detail or (latched and finding.times != stored.times):
            return UpdateAlert(stored.id, finding, tell)
        return None

    def _begin(
        self, finding: RuleMatch, stored: StoredAlert | None, settings: AlertSettings, now: datetime, *, silent: bool
    ) -> Decision | None:
        if finding.code in LATCHED:
            old = stored is not None and finding.since is not None and finding.since <= stored.last
            return None if old else OpenAlert(finding, silent)
        if now - self._since[finding.key] < timedelta(seconds=settings.rule[finding.code].after_s):
            return None
        if stored is not None and stored.closed is not None and now - stored.closed < SAME_AGAIN:
            return ReopenAlert(stored.id, finding)
        return OpenAlert(finding, silent)
