"""Alert monitor: evaluates the rules every few seconds, stores alerts, and sends notices to people: two loops of the server.

Rules: decisions and the words that follow from them are one transaction. A command that waits for a second person is told too,
once for each channel, which the database itself keeps, and also in a maintenance window; it is no alert, and what is decided or
over before its notice went out is not told any more. A database or a channel that is away stops neither loop: both go on trying,
and the log says so. A channel that fails thrice in a round waits for the next one, and the others are told meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select

from fleet.server.alerts import queries as alerting
from fleet.server.alerts.model import NoticeBundle, NoticeRow, PendingApproval
from fleet.server.alerts.notices import new_uid
from fleet.server.alerts.notifications import Deliver, NotDeliveredError, bundle_notices, deliver, next_try
from fleet.server.alerts.rules import FleetSnapshot, WaitingRow, evaluate_rules, longest_window
from fleet.server.alerts.settings import AlertSettings, Channel, with_windows
from fleet.server.alerts.tables import notices
from fleet.server.alerts.transitions import AlertTracker
from fleet.server.clock.time_zones import HERE
from fleet.server.commands.tables import commands
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.keys.expiry import End
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.maintenance import queries as maintaining
from fleet.server.stations.model import Contact

LOOK_EVERY_S = 10.0
TELL_EVERY_S = 5.0
MOST_AT_ONCE = 1000
"""Words in a round."""
MOST_FAILED = 3

_log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


WAITING = "waiting"
"""The state of such a command, and what its word is about."""

Untold = tuple[int, str]
"""Number of a command, and name of a channel."""


def unannounced_approvals(connection: Connection, channels: Sequence[str], now: datetime) -> list[Untold]:
    """Words that are still to be put."""
    if not channels:
        return []
    rows = connection.execute(select(commands.c.id).where(_waits(now)).order_by(commands.c.id)).scalars().all()
    query = select(notices.c.command, notices.c.channel).where(notices.c.command.in_(rows))
    announced = {(row.command, row.channel) for row in connection.execute(query)} if rows else set()
    return [(number, channel) for number in rows for channel in channels if (number, channel) not in announced]


def queue_notices(connection: Connection, words: Iterable[Untold], now: datetime) -> None:
    fresh = {"what": WAITING, "made": now, "due": now, "tries": 0}
    for command, channel in words:
        connection.execute(insert(notices).values(command=command, channel=channel, uid=new_uid(), **fresh))


def drop_decided(connection: Connection, now: datetime) -> None:
    """Take out of the queue what nobody need be told any more."""
    waiting = select(commands.c.id).where(_waits(now))
    unsent = and_(notices.c.command.is_not(None), notices.c.sent.is_(None), notices.c.command.not_in(waiting))
    connection.execute(delete(notices).where(unsent))


def _waits(now: datetime) -> ColumnElement[bool]:
    return and_(commands.c.state == WAITING, commands.c.decide_by > now)


class AlertMonitor:
    """One for a server. `look` and `tell` block, and are called in a thread each."""

    def __init__(
        self,
        database: Database,
        settings: AlertSettings,
        changes: Changes,
        clock: Clock,
        send: Deliver = deliver,
        url: Callable[[], str] = lambda: "",
        ends: Callable[[], tuple[End, ...]] = tuple,
        parts: Callable[[], Mapping[str, str]] = dict,
        worklist: Callable[[], Sequence[WaitingRow]] = tuple,
    ) -> None:
        """`url` says where browsers find the pages, once they are served; empty before. `ends`: what ends when. `parts`:
        those of the server that do not work, and why not. `worklist`: what waits there for somebody."""
        self._database = database
        self._settings = settings
        self._changes = changes
        self._clock = clock
        self._send = send
        self._url = url
        self._ends = ends
        self._parts = parts
        self._worklist = worklist
        self._watch = AlertTracker()
        self._listening = clock()
        self._contacts: dict[str, Contact] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._every(LOOK_EVERY_S, self.look))
            both.create_task(self._every(TELL_EVERY_S, self.tell))

    def look(self) -> bool:
        """Judge the fleet once, and see which commands wait for a second person. Whether there is anything new. Raises
        SQLAlchemyError."""
        now = self._clock()
        rules = self._settings.rule
        with self._database.reading.begin() as connection:
            look = alerting.fleet_snapshot(connection, now, longest_window(rules))
            newest = alerting.newest_alerts(connection)
            settings = with_windows(self._settings, maintaining.list_windows(connection))
            untold = unannounced_approvals(connection, self._settings.seconds, now)
        self._tell_pages(look)
        look = replace(
            look, ends=self._ends(), listening=self._listening, parts=self._parts(), worklist=self._worklist()
        )
        retired = {seen.name for seen in look.retired}
        decisions = self._watch.decide(evaluate_rules(look, rules), newest, settings, now.astimezone(HERE), retired)
        if decisions or untold:
            with self._database.writing.begin() as connection:
                alerting.write(connection, decisions, self._settings, now)
                queue_notices(connection, untold, now)
        return bool(decisions or untold)

    def _tell_pages(self, look: FleetSnapshot) -> None:
        """Silence is no message: pages hear of it here."""
        before, self._contacts = self._contacts, {seen.name: seen.contact for seen in look.stations}
        changed = [name for name, contact in self._contacts.items() if before.get(name, contact) is not contact]
        if changed:
            self._changes.publish(frozenset({Topic.STATIONS, *map(Topic.STATION.of, changed)}))

    def tell(self) -> bool:
        """Send what is due. Whether the queue has changed. Raises SQLAlchemyError."""
        now = self._clock()
        with self._database.reading.begin() as connection:
            due = alerting.queued_notices(connection, due=now, limit=MOST_AT_ONCE)
        if any(isinstance(notice.about, PendingApproval) for notice in due):
            with self._database.writing.begin() as connection:
                drop_decided(connection, now)
                due = alerting.queued_notices(connection, due=now, limit=MOST_AT_ONCE)
        with self._database.reading.begin() as connection:
            due = alerting.with_titles(connection, due)
        channels = {channel.name: channel for channel in self._settings.channels}
        for name in dict.fromkeys(notice.channel for notice in due):
            self._tell_channel(channels.get(name), [notice for notice in due if notice.channel == name], now)
        return bool(due)

    def _tell_channel(self, channel: Channel | None, notices: list[NoticeRow], now: datetime) -> None:
        failed = 0
        for some in bundle_notices(channel, notices):
            failed = 0 if self._tell_some(channel, some, now) else failed + 1
            if channel is not None and failed == MOST_FAILED:
                return

    def _tell_some(self, channel: Channel | None, notices: tuple[NoticeRow, ...], now: datetime) -> bool:
        """Send the notices to the channel, and return whether it took them."""
        why = "there is no such channel any more"
        if channel is not None:
            linked = tuple(map(self._linked, notices))
            try:
                self._send(channel, linked[0] if len(linked) == 1 else NoticeBundle(linked), self._clock())
                why = ""
            except NotDeliveredError as error:
                why = str(error)
                _log.warning("word %d (%s %d): %s did not take it: %s", *_named(notices[0]), channel.name, why)
        with self._database.writing.begin() as connection:
            for notice in notices:
                if why:
                    retry = None if channel is None else next_try(notice.tries + 1, now)
                    alerting.mark_failed(connection, notice.id, why, retry)
                else:
                    alerting.mark_sent(connection, notice.id, self._clock())
        return not why

    def _linked(self, notice: NoticeRow) -> NoticeRow:
        url = self._url()
        if not url:
            return notice
        if not isinstance(notice.about, PendingApproval):
            return replace(notice, link=f"{url}/alerts/{notice.about.id}")
        return replace(notice, about=replace(notice.about, link=f"{url}/commands/{notice.about.id}"))

    async def _every(self, seconds: float, work: Callable[[], bool]) -> None:
        while True:
            try:
                if await asyncio.to_thread(work):
                    self._changes.publish(frozenset({Topic.ALERTS}))
            except READ_FAULTS as error:
                _log.error("alerts cannot be kept just now: %s", type(error).__name__)
            await asyncio.sleep(seconds)


def _named(notice: NoticeRow) -> tuple[int, str, int]:
    return notice.id, "command" if isinstance(notice.about, PendingApproval) else "alert", notice.about.id
