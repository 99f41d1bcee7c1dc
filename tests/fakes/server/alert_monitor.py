"""The alert monitor on a store of its own, and states of stations that it watches."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import pytest

from fleet.messages.link import DeviceState, StationState, encode
from fleet.server.alerts import queries as alerting
from fleet.server.alerts.model import AlertRow, NoticeBundle, NoticeRow, PendingApproval
from fleet.server.alerts.monitor import AlertMonitor
from fleet.server.alerts.notifications import NotDeliveredError, Notification
from fleet.server.alerts.settings import AlertSettings, Channel, Outage, Webhook, load
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedPresence, ArrivedState
from fleet.server.ingest.write import Writer
from tests.fleet.server.conftest import NOW, KeptChanges

LOW = DeviceState("Printer", "printer", "paper_low", ok=True)


STATE = StationState(title="A", version="1", bootid="b", time=NOW.isoformat())

STATE_TEXT = encode(STATE).decode()

SETTINGS = msgspec.structs.replace(
    load(),
    outage=Outage(stations=0),
    webhook=(Webhook("all", "http://127.0.0.1:1", "notice"), Webhook("bad", "http://127.0.0.1:1", "critical")),
)


@dataclass
class Desk:
    """The service on a store, with a clock and channels that a test moves."""

    database: Database
    writer: Writer
    settings: AlertSettings = SETTINGS
    now: datetime = NOW
    away: bool | str = False
    """All channels, or the one of that name."""
    failed: list[str] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    changes: KeptChanges = field(default_factory=KeptChanges)

    def __post_init__(self) -> None:
        self.service = AlertMonitor(
            self.database, self.settings, self.changes, lambda: self.now, self._send, lambda: "https://dash.example"
        )

    def _send(self, channel: Channel, notice: Notification, now: datetime) -> None:
        if self.away is True or self.away == channel.name:
            self.failed.append(channel.name)
            raise NotDeliveredError("answered 503")
        if isinstance(notice, NoticeBundle):
            self.told.append((channel.name, "together", str(len(notice.notices))))
            return
        about = notice.about
        said = f"{about.command} {about.link}" if isinstance(about, PendingApproval) else about.code
        self.told.append((channel.name, notice.what, said))

    def later(self, seconds: float) -> "Desk":
        self.now += timedelta(seconds=seconds)
        return self

    def says(self, *devices: DeviceState, online: bool = True) -> "Desk":
        state = msgspec.structs.replace(STATE, devices=devices)
        self.writer.commit(
            [ArrivedState("entre-a", encode(state).decode()), ArrivedPresence("entre-a", online)], self.now
        )
        return self

    def look(self) -> list[AlertRow]:
        self.service.look()
        return self.listed()

    def listed(self, **which: object) -> list[AlertRow]:
        with self.database.reading.begin() as connection:
            return alerting.list_alerts(connection, **which)[0]  # type: ignore[arg-type]

    def queue(self) -> list[NoticeRow]:
        with self.database.reading.begin() as connection:
            return alerting.queued_notices(connection)


@pytest.fixture
def desk(database: Database, writer: Writer) -> Desk:
    return Desk(database, writer)
