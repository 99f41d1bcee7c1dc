"""E-mail to holders, a loop of the server: before a certificate of theirs ends, and of what other subjects have to tell them.

Rules of certificates:
- Once for each certificate, within `warn_days` of the rule `certificate` before its last day, to the address that the directory
  has. Who has left, or has no address, gets none.
- A certificate that was made for a card of theirs is told as well, within a week: whoever did not want it has the card blocked.
- What the server knows to end: certificates that it had issued to a card, and of people whose cards have signed or whom the
  directory lists with a certificate, the one that lasts longest.
- It names no person: the card's last digits, the day, the station. It is in both languages, and holds no link.
- Any e-mail is written down once the mail server has taken it. What was not taken is tried again with back-off, then given up.
- Nothing goes out while the clock is not believed, and never more than the rule's `most_a_day` within 24 hours.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import Connection, select

from fleet.server.alerts.notifications import NotDeliveredError, next_try, send_text
from fleet.server.alerts.queries import station_titles
from fleet.server.alerts.settings import Email
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.deadlines import queries as deadlining
from fleet.server.deadlines.model import Deadline
from fleet.server.deadlines.settings import DeadlineRule
from fleet.server.guards.service import clock_is_believed
from fleet.server.issuers.tables import certificates
from fleet.server.pages.i18n import LANGUAGES, Localization, load
from fleet.server.people.queries import last_certificates
from fleet.server.people.service import stored_people

EVERY_S = 300.0
MOST_AT_ONCE = 100
MOST_NEW = 1000
DAY = timedelta(hours=24)
_LAST_DIGITS = 8
_NAMESPACE = uuid.UUID("6f0b1c9e-5a5e-4a0e-9a55-6a1d0e0c7b21")

Send = Callable[[Email, str, str, datetime, str], None]
"""Channel, subject, text, time and id. Raises NotDeliveredError."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HolderNotice:
    """E-mail to one holder. `key`: of what it tells. `words`: subject and text. `record`: write down that it was taken (`mail`)
    or given up (`refused`); False where another process did."""

    key: str
    address: str
    words: Callable[[Localization], tuple[str, str]]
    record: Callable[[Connection, str, datetime], bool]


Words = Callable[[Deadline, str, Localization], tuple[str, str]]
"""Subject and text, of what is told and the station's title."""
Source = Callable[[Connection, datetime], list[HolderNotice]]
"""What nobody was told of yet, as of now; no more than may go out."""


class HolderMail:
    """One for a server. `look` blocks, and is called in a thread."""

    def __init__(
        self,
        database: Database,
        sources: Sequence[Source],
        channel: Email,
        clock: Callable[[], datetime],
        send: Send = send_text,
    ) -> None:
        self._database = database
        self._sources = sources
        self._channel = channel
        self._clock = clock
        self._send = send
        self._tried: dict[str, tuple[int, datetime | None]] = {}
        """By notice: how often it was tried in vain, and when it is tried again."""

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except READ_FAULTS as error:
                _log.error("holders cannot be told just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def look(self) -> int:
        """Tell whoever is to be told now, and say how many were. Raises SQLAlchemyError."""
        now = self._clock()
        with self._database.reading.begin() as connection:
            notices = self._due(connection, now)
        return sum(self._tell(notice, now) for notice in notices)

    def _due(self, connection: Connection, now: datetime) -> list[HolderNotice]:
        if not clock_is_believed(connection, now):
            return []
        notices = (notice for source in self._sources for notice in source(connection, now))
        return [notice for notice in notices if self._may_try(notice, now)][:MOST_AT_ONCE]

    def _may_try(self, notice: HolderNotice, now: datetime) -> bool:
        _, again = self._tried.get(notice.key, (0, None))
        return again is None or now >= again

    def _tell(self, notice: HolderNotice, now: datetime) -> bool:
        subject, text = holder_text(notice, load())
        channel = msgspec.structs.replace(self._channel, to=(notice.address,))
        try:
            self._send(channel, subject, text, now, str(uuid.uuid5(_NAMESPACE, notice.key)))
        except NotDeliveredError as error:
            _log.warning("a holder was not told by e-mail: %s", error)  # the address is nobody's business
            return self._put_off(notice, now)
        return self._record(notice, "mail", now)

    def _put_off(self, notice: HolderNotice, now: datetime) -> bool:
        tries = self._tried.get(notice.key, (0, None))[0] + 1
        again = next_try(tries, now)
        self._tried[notice.key] = (tries, again)
        if again is None:
            self._record(notice, "refused", now)
        return False

    def _record(self, notice: HolderNotice, did: str, now: datetime) -> bool:
        self._tried.pop(notice.key, None)
        with self._database.writing.begin() as connection:
            return notice.record(connection, did, now)


def certificate_notices(rule: DeadlineRule) -> Source:
    """Certificates that end soon, by that rule."""
    return partial(_ending, rule)


def _ending(rule: DeadlineRule, connection: Connection, now: datetime) -> list[HolderNotice]:
    today = now.astimezone().date()
    room = rule.most_a_day - deadlining.count_actions_since(connection, "certificate", now - DAY, "mailed")
    of_cards = deadlining.certificates_ending(connection, rule, today)
    holders = {ending.hsa_id for ending in of_cards}
    last = (today + timedelta(days=rule.warn_days)).isoformat()
    of_people = last_certificates(connection, today.isoformat(), last)
    others = (_of_person(rule, *row) for row in of_people if row[0] not in holders)
    return list(_addressed(connection, [*of_cards, *others]))[: max(0, room)]


def new_certificate_notices(connection: Connection, now: datetime) -> list[HolderNotice]:
    """Certificates that were made in the last week, and whose holders were not told; in pairs, for each of a card's two uses."""
    made = [
        Deadline(
            "certificate", f"new {row.serial}", row.card_number, row.hsa_id, None, row.station, 0, "",
            row.at.astimezone().date(), date.fromisoformat(row.last_day),
        )
        for row in connection.execute(select(certificates).where(certificates.c.at > now - 7 * DAY).limit(MOST_NEW))
    ]  # fmt: skip
    return list(_addressed(connection, made, "told", _new_words))


def _of_person(rule: DeadlineRule, hsa_id: str, digest: str, last_day: str) -> Deadline:
    due = date.fromisoformat(last_day)
    return Deadline("certificate", digest, "", hsa_id, None, "", 0, "", due, due)


def _addressed(
    connection: Connection, endings: list[Deadline], action: str = "mailed", words: Words | None = None
) -> Iterable[HolderNotice]:
    """Yield the notices that nobody was told of, to people with an address who are still here."""
    recorded = deadlining.recorded_actions(connection, "certificate", [ending.subject for ending in endings])
    people = stored_people(connection, sorted({ending.hsa_id for ending in endings}))
    titles = station_titles(connection, {ending.station for ending in endings})
    for ending in endings:
        person = people.get(ending.hsa_id)
        if person is None or not person.mail or (person.left is not None and not person.continued):
            continue
        if (ending.subject, ending.due.isoformat(), action) not in recorded:
            key = f"{ending.subject} {ending.due.isoformat()}"
            wording = partial(words or _words, ending, titles.get(ending.station, ""))
            yield HolderNotice(key, person.mail, wording, partial(_record, ending, action))


def _record(ending: Deadline, action: str, connection: Connection, did: str, now: datetime) -> bool:
    return deadlining.record_action(connection, ending, action, did, now)


def holder_text(notice: HolderNotice, languages: dict[str, Localization]) -> tuple[str, str]:
    """Subject and text of the e-mail, in each language, the default first."""
    parts = [notice.words(languages[language]) for language in LANGUAGES]
    return " / ".join(subject for subject, _ in parts), "\n\n".join(text for _, text in parts) + "\n"


def _words(ending: Deadline, station: str, texts: Localization) -> tuple[str, str]:
    day = texts.day(ending.due.isoformat(), year=True)
    card = ending.card_number[-_LAST_DIGITS:]
    card_line = texts("holder_mail.card", card=card, day=day) if card else texts("holder_mail.some_card", day=day)
    where = texts("holder_mail.at", station=station) if station else texts("holder_mail.anywhere")
    lines = (card_line, where, texts("holder_mail.bring"), texts("holder_mail.no_answer"))
    return texts("holder_mail.subject", day=day), "\n".join(lines)


def _new_words(made: Deadline, station: str, texts: Localization) -> tuple[str, str]:
    day, card = texts.day(made.since.isoformat(), year=True), made.card_number[-_LAST_DIGITS:]
    card_line = texts("holder_mail.new", card=card, day=day, station=station or made.station)
    return texts("holder_mail.new_subject"), "\n".join(
        (card_line, texts("holder_mail.not_you"), texts("holder_mail.no_answer"))
    )
