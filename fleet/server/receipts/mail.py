"""E-mail of receipts to holders who asked for one at a station; a loop of the server.

Rules:
- What goes out is the address of the receipt's page on this server, and plain words: no name, no code, no card number.
- It goes to the holder whom the receipt that we hold names, and only where the statement is of that very receipt: no station
  can have anything else mailed, nor to anybody else.
- The address is looked up when it is sent. Who has none, has left, or has a protected identity gets nothing.
- Once: it is written down when the mail server has taken it, and its `Message-ID` is made of the receipt's number. What was not
  taken is tried again with back-off; given up, it is a row of the worklist.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, and_, select, update

from fleet.server.alerts.notifications import NotDeliveredError, next_try, send_text
from fleet.server.alerts.settings import Email
from fleet.server.clock.time_zones import HERE
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.errands.tables import receipts
from fleet.server.events.tables import events
from fleet.server.ingest.projections import receipt_bytes
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.pages.i18n import LANGUAGES, Localization, load
from fleet.server.people.service import mail_address
from fleet.server.receipts.tables import receipt_mails

EVERY_S = 20.0
MOST_AT_ONCE = 50
WAITS_FOR_RECEIPT = timedelta(days=2)
"""So long a wish waits for the event that holds its receipt, which may be asked for again."""
MOST_PLACE = 80
_STATEMENT = re.compile(r"KK1\.([A-Za-z0-9_-]{20,400})\.[A-Za-z0-9_-]{86}\Z")
_NAMESPACE = uuid.UUID("0d3f3a52-5a0c-4f0e-8f5b-9f0a3a7a2c11")

Send = Callable[[Email, str, str, datetime, str], None]
"""Channel, subject, text, time and id. Raises NotDeliveredError."""

_log = logging.getLogger(__name__)


class _Document(msgspec.Struct):
    payload: str


class _Holder(msgspec.Struct):
    hsa_id: str


class MailedReceipt(msgspec.Struct):
    """Fields that are read of a receipt. `time`: when it was issued; `place`: where, in the station's words."""

    number: str
    kind: str
    time: datetime
    place: str
    holder: _Holder


class _Statement(msgspec.Struct):
    n: str
    h: str


@dataclass(frozen=True, slots=True)
class WantedMail:
    """A row of the queue, and the exact bytes of its receipt where they are held."""

    number: str
    statement: str
    wanted: datetime
    tries: int
    receipt: bytes | None


class ReceiptMail:
    """One for a server. `look` blocks, and is called in a thread. `url`: at which others reach
    the pages; empty where there is none, and then nothing is sent."""

    def __init__(
        self,
        database: Database,
        channel: Email,
        changes: Changes,
        clock: Callable[[], datetime],
        url: Callable[[], str],
        send: Send = send_text,
    ) -> None:
        self._database = database
        self._channel = channel
        self._changes = changes
        self._clock = clock
        self._url = url
        self._send = send

    async def run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.look)
            except READ_FAULTS as error:
                _log.error("receipts cannot be mailed just now: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    def look(self) -> int:
        """Send what is due, and say how many went out. Raises SQLAlchemyError."""
        now, url = self._clock(), self._url()
        if not url:
            return 0
        with self._database.reading.begin() as connection:
            due = _due(connection, now)
        return sum(self._deal_with(mail, url, now) for mail in due)

    def _deal_with(self, mail: WantedMail, url: str, now: datetime) -> bool:
        if mail.receipt is None:
            if now - mail.wanted < WAITS_FOR_RECEIPT:
                self._note(mail.number, due=now + timedelta(minutes=10))
            else:
                self._refuse(mail, "mail_no_receipt")
            return False
        receipt = stated_receipt(mail.receipt, mail.statement)
        if receipt is None or receipt.number != mail.number:
            self._refuse(mail, "mail_not_genuine")
            return False
        with self._database.reading.begin() as connection:
            address = mail_address(connection, receipt.holder.hsa_id)
        if address is None:
            self._refuse(mail, "mail_no_address")
            return False
        return self._post(mail, receipt, address, f"{url}/r/#{mail.statement}", now)

    def _post(self, mail: WantedMail, receipt: MailedReceipt, address: str, link: str, now: datetime) -> bool:
        subject, text = receipt_text(receipt, link, load())
        channel = msgspec.structs.replace(self._channel, to=(address,))
        try:
            self._send(channel, subject, text, now, str(uuid.uuid5(_NAMESPACE, mail.number)))
        except NotDeliveredError as error:
            _log.warning("receipt %s was not mailed: %s", mail.number, error)  # the address is nobody's business
            if (again := next_try(mail.tries + 1, now)) is None:
                self._refuse(mail, "mail_refused")
            else:
                self._note(mail.number, tries=mail.tries + 1, due=again)
            return False
        self._note(mail.number, state="sent", statement="", due=None)
        return True

    def _refuse(self, mail: WantedMail, error: str) -> None:
        self._note(mail.number, state="refused", statement="", due=None, error=error)
        self._changes.publish(frozenset({Topic.WORKLIST}))

    def _note(self, number: str, **values: object) -> None:
        with self._database.writing.begin() as connection:
            connection.execute(update(receipt_mails).where(receipt_mails.c.number == number).values(**values))


def _due(connection: Connection, now: datetime) -> list[WantedMail]:
    """The oldest first, each with its receipt."""
    kept = receipt_mails.outerjoin(receipts, receipts.c.number == receipt_mails.c.number).outerjoin(
        events,
        and_(
            events.c.station == receipts.c.station,
            events.c.epoch == receipts.c.epoch,
            events.c.sequence == receipts.c.sequence,
        ),
    )
    columns = (receipt_mails.c.number, receipt_mails.c.statement, receipt_mails.c.wanted, receipt_mails.c.tries)
    query = select(*columns, events.c.data).select_from(kept).where(receipt_mails.c.due <= now)
    rows = connection.execute(query.order_by(receipt_mails.c.due).limit(MOST_AT_ONCE))
    return [
        WantedMail(row.number, row.statement, row.wanted, row.tries, receipt_bytes(row.data) if row.data else None)
        for row in rows
    ]


def stated_receipt(receipt: bytes, statement: str) -> MailedReceipt | None:
    """Return the content of the receipt, where the statement of its QR code is one of it; else None."""
    statement_match = _STATEMENT.match(statement)
    try:
        stated = msgspec.json.decode(_from_base64url(statement_match[1]), type=_Statement) if statement_match else None
        document = msgspec.json.decode(receipt, type=_Document)
        read = msgspec.json.decode(_from_base64url(document.payload), type=MailedReceipt)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    digest = base64.urlsafe_b64encode(hashlib.sha256(receipt).digest()).rstrip(b"=").decode("ascii")
    return read if stated is not None and (stated.n, stated.h) == (read.number, digest) else None


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def receipt_text(receipt: MailedReceipt, link: str, languages: dict[str, Localization]) -> tuple[str, str]:
    """Subject and text of the e-mail, in each language, the default first."""
    both = [languages[language] for language in LANGUAGES]
    subject = " / ".join(texts("receipt_mail.subject") for texts in both)
    return subject, "\n\n".join(_part(receipt, link, texts) for texts in both) + "\n"


def _part(receipt: MailedReceipt, link: str, texts: Localization) -> str:
    day = texts.day(receipt.time.astimezone(HERE).date().isoformat(), year=True)
    place = " ".join(receipt.place.split())[:MOST_PLACE]
    opening = texts("receipt_mail.what", kind=texts.code("kind", receipt.kind), day=day, place=place)
    rest = (texts("receipt_mail.not_you"), texts("holder_mail.no_answer"))
    return "\n".join((opening, texts("receipt_mail.open"), "", link, "", *rest))
