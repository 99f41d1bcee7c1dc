"""E-mail of the worklist, each morning: a loop of the server.

Rules: one e-mail a day to each channel that the settings name, after the hour that they name, and none where nothing waits. That
it went out is kept in the store, so that neither a restart nor a second process sends it twice; one that was not taken is tried
again every few minutes until midnight. It names no person: kind, last digits, station, deadline.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from fleet.server.alerts.notifications import NotDeliveredError, send_text
from fleet.server.alerts.settings import Email
from fleet.server.clock.time_zones import HERE
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.pages.i18n import Localization, load
from fleet.server.process.default_settings import SettingsError
from fleet.server.worklist import queries
from fleet.server.worklist.model import Worklist, WorklistRow
from fleet.server.worklist.settings import WorklistSettings

EVERY_S = 300.0

_log = logging.getLogger(__name__)


Post = Callable[[Email, str, str, datetime], str]
"""Send subject and text; gives why it was not taken, or nothing."""
Words = Callable[[Sequence[WorklistRow], Localization, datetime, str], tuple[str, str]]
"""Subject and text of these rows; the address of the page last."""


def channels_of(settings: WorklistSettings, channels: Sequence[Email]) -> tuple[Email, ...]:
    """Return the channels that are mailed. Raises SettingsError for a name that no e-mail channel of the alerts has."""
    by_name = {channel.name: channel for channel in channels}
    if unknown := set(settings.mail_to) - by_name.keys():
        raise SettingsError(f"mail_to: no e-mail channel of the alerts is called {min(unknown)!r}")
    return tuple(by_name[name] for name in settings.mail_to)


def post(channel: Email, subject: str, text: str, now: datetime) -> str:
    """By that channel; why it was not taken, or nothing."""
    try:
        send_text(channel, subject, text, now)
    except NotDeliveredError as error:
        return str(error)
    return ""


class WorklistMail:
    """One for a server. `look` blocks, and is called in a thread."""

    def __init__(
        self,
        database: Database,
        worklist: Worklist,
        settings: WorklistSettings,
        channels: Sequence[Email],
        clock: Callable[[], datetime],
        post: Post,
        words: Words,
        url: Callable[[], str] = lambda: "",
    ) -> None:
        self._database = database
        self._worklist = worklist
        self._settings = settings
        self._channels = channels
        self._clock = clock
        self._post = post
        self._words = words
        self._url = url

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except READ_FAULTS as error:
                _log.error("the worklist cannot be mailed just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def look(self) -> int:
        """Mail what is due, and say to how many channels. Raises SQLAlchemyError."""
        now = self._clock()
        here = now.astimezone(HERE)
        if not self._channels or here.time() < self._settings.mail_at:
            return 0
        with self._database.reading.begin() as connection:
            mailed = queries.mailed_on(connection, here.date().isoformat())
        due = [channel for channel in self._channels if channel.name not in mailed]
        rows = self._worklist.rows() if due else []
        return sum(self._mail(channel, rows, now, here.date().isoformat()) for channel in due)

    def _mail(self, channel: Email, rows: Sequence[WorklistRow], now: datetime, day: str) -> bool:
        if rows:
            address = f"{self._url()}/worklist" if self._url() else ""
            why = self._post(channel, *self._words(rows, load()[channel.language], now, address), now)
            if why:
                _log.warning("the worklist was not taken by %s: %s", channel.name, why)
                return False
        with self._database.writing.begin() as connection:
            queries.note_mail(connection, channel.name, day)
        return bool(rows)
