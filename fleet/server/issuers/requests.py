"""Requests of stations to the issuer, stored: idempotent by id, rate limited by the hour, and never forgotten.

A row is the audit: which station, which card, in whose names, what came of it. It holds no code, no key and no certificate but
the ones that were issued; a PUK that was released is in it sealed to the station that asked.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from cryptography import x509
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, not_, or_, select, update

from fleet.messages.asking import (
    BinAsk,
    BlockAsk,
    BlockedResult,
    BoundResult,
    CardStateAsk,
    CertificateAsk,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    IdentifiedAsk,
    InPortalResult,
    IssuedResult,
    LetterAsk,
    LetterNotedResult,
    LetterOrderedResult,
    MarkedResult,
    PersonAsk,
    Result,
    ask_digest,
    tag_of,
)
from fleet.messages.link import decode, encode
from fleet.messages.vocabulary import AskName
from fleet.server.cards.stock.tables import reserve_cards
from fleet.server.clock.local_days import local_day
from fleet.server.database.bulk import insert_new
from fleet.server.database.database import Database
from fleet.server.enrolment.queries import awaits_self_test
from fleet.server.issuers.model import Queueable, RequestKey
from fleet.server.issuers.request_queue import QUEUED, enqueue, leave_to_people, record_result, settle_about
from fleet.server.issuers.tables import certificates, wishes
from fleet.server.orders.model import OPEN, OrderLine, OrderRecord
from fleet.server.orders.service import import_orders, settle_returns
from fleet.server.orders.tables import orders
from fleet.server.people.service import knows_certificate, record_certificates
from fleet.server.stations.tables import stations

HOUR = timedelta(hours=1)
LETTERS = (tag_of(LetterOrderedResult), tag_of(LetterNotedResult))
"""Outcomes after which a letter comes."""
HOLDS = (tag_of(HeldResult), tag_of(MarkedResult))
LETTER_AGAIN = timedelta(days=30)
"""So often a letter is ordered for a card in nobody's name."""
MOST_AN_HOUR: dict[str, int] = {
    AskName.ADMINISTRATOR_LOGIN: 120,
    AskName.ADMINISTRATOR_WORKLIST: 240,
    AskName.CARD_AUTHENTICATE: 60,
    AskName.CARD_BIND: 20,
    AskName.CARD_BLOCK: 240,
    AskName.CARD_CHALLENGE: 240,
    AskName.CARD_HOLD: 60,
    AskName.CARD_LETTER: 20,
    AskName.CARD_LIFT: 60,
    AskName.BIN_EMPTIED: 20,
    AskName.CARD_PUK: 10,
    AskName.CARD_RECEIVED: 120,
    AskName.CARD_STATE: 600,
    AskName.CERTIFICATE_REQUEST: 60,
    AskName.DIRECTORY_FIND: 600,
    AskName.STOCK_MOVED: 60,
}
"""For each station. What is over it is asked again later; a block waits in the station's own queue."""
SAID_AGAIN = frozenset(
    {
        AskName.CARD_BIND,
        AskName.CARD_BLOCK,
        AskName.CARD_HOLD,
        AskName.CARD_LETTER,
        AskName.CARD_LIFT,
        AskName.BIN_EMPTIED,
        AskName.CARD_PUK,
        AskName.CARD_RECEIVED,
        AskName.CERTIFICATE_REQUEST,
        AskName.STOCK_MOVED,
    }
)
RESERVE = "reserve"
"""The product of the order of a reserve card."""
ASKED = "asked"
"""The outcome of a row that only reserves its place within the limit: nothing has come of it yet."""
PLACED = "placed"
"""The same of a hold or letter in nobody's name that has its place within `AnonymousLimits`, and may take effect."""
BUSINESS = timedelta(days=30)
"""So long a card has business at a station after its order there changed, or something came of an ask about it."""


@dataclass(frozen=True, slots=True)
class AnonymousLimits:
    """Limits on what stations may ask for within an hour in nobody's name. Holds, and letters for cards without
    business at the station: at one station, and at all of them. `states`: cards without business there, at one station,
    of which `card.state` tells."""

    by_station: int = 3
    by_region: int = 10
    states: int = 30


def keep_certificate(
    connection: Connection, station: str, ask: CertificateAsk, issued: IssuedResult, now: datetime
) -> None:
    """Note the new certificate, once. It was checked before: `issued.chain` begins with it."""
    made = x509.load_der_x509_certificate(base64.b64decode(issued.chain[0]))
    row = {
        "card_number": ask.card_number,
        "serial": f"{made.serial_number:x}",
        "hsa_id": ask.hsa_id,
        "profile": ask.profile,
        "loa": ask.loa,
        "last_day": made.not_valid_after_utc.astimezone().date().isoformat(),
        "station": station,
        "at": now,
    }
    insert_new(connection, certificates, row)


def days_of_reserve_certificates(connection: Connection, card_number: str) -> set[str]:
    """The days (ISO 8601) on which a reserve certificate of level 3 was made for that card here."""
    these = and_(
        certificates.c.card_number == card_number, certificates.c.profile == "reserve", certificates.c.loa == 3
    )
    return {local_day(row.at) for row in connection.execute(select(certificates.c.at).where(these))}


class ReusedError(Exception):
    """The id has been used for another question."""


class RequestLog:
    """The table. Methods block; call them in a thread. All raise sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database, limits: AnonymousLimits | None = None) -> None:
        self._database = self.database = database
        self._limits = limits or AnonymousLimits()

    def known(self, station: str, ask: IdentifiedAsk) -> Result | None:
        """Return the earlier answer to this very question. Raises ReusedError where the id stood for another."""
        this = and_(wishes.c.station == station, wishes.c.id == ask.id)
        with self._database.reading.begin() as connection:
            row = connection.execute(select(wishes.c.digest, wishes.c.result).where(this)).first()
        if row is None:
            return None
        if row.digest != _digest(ask):
            raise ReusedError("the id was used before")
        result: Result | None = None if row.result is None else decode(Result, row.result.encode())
        return result

    def awaits_self_test(self, station: str) -> bool:
        """Return whether the station was let in, and has done no self test since."""
        with self._database.reading.begin() as connection:
            return awaits_self_test(connection, station)

    def reserve(self, station: str, ask: IdentifiedAsk, now: datetime) -> bool:
        """Count the question against the station's hourly limit, in the transaction that looks whether there is room, so that
        no number of questions at the same time gets past it. False where there is none. An id counts once."""
        name, most = tag_of(ask), MOST_AN_HOUR.get(tag_of(ask))
        if most is None:
            return True
        this = and_(wishes.c.station == station, wishes.c.id == ask.id)
        lately = and_(wishes.c.station == station, wishes.c.ask == name, wishes.c.at > now - HOUR)
        with self._database.writing.begin() as connection:
            if connection.execute(select(wishes.c.id).where(this)).first() is not None:
                return True
            if _count(connection, lately) >= most:
                return False
            if isinstance(ask, CardStateAsk) and not self._may_tell(connection, station, ask.card_number, now):
                return False
            connection.execute(insert(wishes).values(_row(station, ask, now)))
            return True

    def _may_tell(self, connection: Connection, station: str, card_number: str, now: datetime) -> bool:
        """Return whether the state of that card may be told there."""
        others = and_(wishes.c.station == station, wishes.c.ask == AskName.CARD_STATE, wishes.c.at > now - HOUR)
        strangers = and_(
            others, wishes.c.card_number != card_number, not_(_has_business(station, wishes.c.card_number, now))
        )
        card_count = connection.execute(
            select(func.count(wishes.c.card_number.distinct())).where(strangers)
        ).scalar_one()
        return (
            card_count < self._limits.states
            or connection.execute(select(_has_business(station, card_number, now))).scalar_one()
        )

    def take_place(self, station: str, ask: HoldAsk | LetterAsk, now: datetime) -> Literal["station", "region"] | None:
        """Count a hold or letter in nobody's name, in the transaction that looks whether there is room. Gives whose room is used
        up; such an ask takes no effect. An id counts once."""
        this = and_(wishes.c.station == station, wishes.c.id == ask.id)
        lately = and_(wishes.c.ask == tag_of(ask), wishes.c.at > now - HOUR, wishes.c.people == "[]", not_(this))
        effective = and_(lately, wishes.c.outcome.in_((PLACED, *HOLDS, *LETTERS)))
        with self._database.writing.begin() as connection:
            if (
                isinstance(ask, LetterAsk)
                and connection.execute(select(_has_business(station, ask.card_number, now))).scalar()
            ):
                return None
            if _count(connection, and_(effective, wishes.c.station == station)) >= self._limits.by_station:
                return "station"
            if _count(connection, effective) >= self._limits.by_region:
                return "region"
            connection.execute(update(wishes).where(this).values(outcome=PLACED))
        return None

    def keep(self, station: str, ask: IdentifiedAsk, people: tuple[str, ...], result: Result, now: datetime) -> None:
        """Write down what came of it: durable before the answer goes out."""
        with self._database.writing.begin() as connection:
            keep_result(connection, station, ask, people, result, now)
            if isinstance(ask, CertificateAsk) and isinstance(result, IssuedResult):
                keep_certificate(connection, station, ask, result, now)
                record_certificates(connection, ask.hsa_id, [base64.b64decode(result.chain[0])], ask.card_number)
            if tag_of(ask) in QUEUED:
                record_result(connection, RequestKey(station, ask.id), result, now)
            if isinstance(ask, BlockAsk | HoldAsk) and people:
                settle_returns(connection, {ask.card_number}, ())
            if isinstance(ask, BinAsk):
                settle_returns(connection, (), {station})
            if isinstance(ask, BlockAsk) and ask.in_portal is not msgspec.UNSET and isinstance(result, BlockedResult):
                settle_about(connection, ask.card_number, QUEUED, now)

    def remember_certificate(self, hsa_id: str, certificate: bytes, card_number: str) -> None:
        """Remember a certificate (DER) that has proved somebody, and its holder and card: stations are told of it when
        its holder leaves, or the card is stopped."""
        with self._database.reading.begin() as connection:
            is_known = knows_certificate(connection, certificate)
        if not is_known:
            with self._database.writing.begin() as connection:
                record_certificates(connection, hsa_id, [certificate], card_number)

    def anonymous_holds(self, station: str, since: datetime) -> int:
        """Holds in nobody's name that were asked for at that station since then, and answered."""
        these = and_(wishes.c.station == station, wishes.c.ask == AskName.CARD_HOLD, wishes.c.at > since)
        with self._database.reading.begin() as connection:
            return _count(connection, and_(these, wishes.c.people == "[]", wishes.c.outcome != ASKED))

    def had_letter(self, ask: LetterAsk, now: datetime) -> bool:
        """Return whether a letter was ordered for that card lately, at whichever station."""
        these = and_(
            wishes.c.card_number == ask.card_number, wishes.c.ask == tag_of(ask), wishes.c.outcome.in_(LETTERS)
        )
        with self._database.reading.begin() as connection:
            lately = select(wishes.c.id).where(these, wishes.c.at > now - LETTER_AGAIN)
            return connection.execute(lately).first() is not None

    def reserve_days(self, card_number: str, today: str) -> int:
        """On how many days before today (ISO 8601) that reserve card was given a certificate of level 3."""
        with self._database.reading.begin() as connection:
            return len(days_of_reserve_certificates(connection, card_number) - {today})

    def certificates_since(self, ask: CertificateAsk, since: datetime) -> list[datetime]:
        """Return the times at which that card was given certificates of that use since then."""
        these = (certificates.c.card_number == ask.card_number, certificates.c.profile == ask.profile)
        with self._database.reading.begin() as connection:
            times = connection.execute(select(certificates.c.at).where(*these, certificates.c.at > since))
            return list(times.scalars())

    def certificates_at(self, station: str, since: datetime) -> int:
        """Return the number of certificates made at that station since then."""
        these = (certificates.c.station == station, certificates.c.at > since)
        with self._database.reading.begin() as connection:
            return connection.execute(select(func.count()).select_from(certificates).where(*these)).scalar_one()

    def waits_here(self, station: str, card_number: str) -> bool:
        """Return whether there is an open order for that card at that station."""
        this = and_(orders.c.station == station, orders.c.card_number == card_number, orders.c.state.in_(OPEN))
        with self._database.reading.begin() as connection:
            return connection.execute(select(orders.c.order).where(this)).first() is not None

    def bound_before(self, station: str, hsa_id: str) -> BoundResult | None:
        """The reserve card that was bound to that person there, and still lies in its slot."""
        theirs = (orders.c.station == station, orders.c.hsa_id == hsa_id, orders.c.product == RESERVE)
        query = select(orders.c.order, orders.c.card_number, orders.c.slot).where(*theirs, orders.c.state == "waiting")
        with self._database.reading.begin() as connection:
            row = connection.execute(query).first()
        return BoundResult(*row) if row else None

    def free_reserve_slot(self, station: str, card_number: str) -> int | None:
        """The slot of a reserve card that lies there and that no order has ever named."""
        lies = select(reserve_cards.c.slot).join(stations, stations.c.id == reserve_cards.c.station)
        fits = (reserve_cards.c.card_number == card_number, reserve_cards.c.lies, not_(reserve_cards.c.quarantined))
        ordered = exists().where(orders.c.card_number == card_number)
        with self._database.reading.begin() as connection:
            return connection.execute(lies.where(stations.c.name == station, *fits, ~ordered)).scalar()

    def order_reserve_card(self, record: OrderRecord, now: datetime) -> BoundResult:
        """The order by which a reserve card is handed over that was bound just now. Raises ImportRefusedError."""
        with self._database.writing.begin() as connection:
            import_orders(connection, [OrderLine(1, record)], now)
        return BoundResult(record.order, record.card_number, record.slot)

    def wait_for(self, station: str, ask: Queueable, by: str, now: datetime) -> None:
        """The issuer is away: the server goes on trying, and everybody can see it. `by`: who has proved to want it."""
        with self._database.writing.begin() as connection:
            enqueue(connection, RequestKey(station, ask.id), ask, by, now, by)

    def leave_to_people(self, station: str, ask: Queueable, by: str, now: datetime) -> None:
        """The issuer has no interface for it: it waits for somebody who does it in the issuer's portal."""
        with self._database.writing.begin() as connection:
            key = RequestKey(station, ask.id)
            enqueue(connection, key, ask, by, now, by)
            leave_to_people(connection, key)


def keep_result(
    connection: Connection, station: str, ask: IdentifiedAsk, people: tuple[str, ...], result: Result, now: datetime
) -> None:
    """Write down what came of a question, once for its id; what only reserved its place is replaced."""
    row = _row(station, ask, now) | {
        "people": json.dumps([person for person in people if person]),
        "outcome": tag_outcome(result),
        "reason": result.reason if isinstance(result, DeclinedResult) else None,
        "result": encode(result).decode() if tag_of(ask) in SAID_AGAIN and not _may_come(ask, result) else None,
    }
    this = and_(wishes.c.station == station, wishes.c.id == ask.id)
    connection.execute(delete(wishes).where(this, wishes.c.result.is_(None)))
    if connection.execute(select(wishes.c.id).where(this)).first() is None:
        connection.execute(insert(wishes).values(row))


def _may_come(ask: IdentifiedAsk, result: Result) -> bool:
    """A certificate that people make: asked again, it may be there."""
    return isinstance(ask, CertificateAsk) and isinstance(result, InPortalResult)


def _count(connection: Connection, these: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(wishes).where(these)).scalar_one()


def _has_business(station: str, card_number: ColumnElement[str] | str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that an order of that card waits there or changed of late, or somebody has proved something
    about it there."""
    since, proved = now - BUSINESS, wishes.alias("proved")
    ordered = exists().where(
        orders.c.station == station, orders.c.card_number == card_number,
        or_(orders.c.state.in_(OPEN), orders.c.changed > since),
    )  # fmt: skip
    identified = exists().where(
        proved.c.station == station, proved.c.card_number == card_number, proved.c.at > since,
        proved.c.people != "[]", proved.c.outcome.not_in((ASKED, tag_of(DeclinedResult))),
    )  # fmt: skip
    return or_(ordered, identified)


def tag_outcome(result: Result) -> str:
    return str(result.__struct_config__.tag)


def _row(station: str, ask: IdentifiedAsk, now: datetime) -> dict[str, Any]:
    """A question that nothing has come of yet."""
    return {
        "station": station,
        "id": ask.id,
        "ask": tag_of(ask),
        "digest": _digest(ask),
        "card_number": getattr(ask, "card_number", ""),
        "people": "[]",
        "outcome": ASKED,
        "reason": None,
        "hold_reason": ask.reason if isinstance(ask, HoldAsk | BlockAsk) else None,
        "result": None,
        "at": now,
    }


def _digest(ask: IdentifiedAsk) -> str:
    """Without the proofs: asked again in a later visit it is the same question."""
    return ask_digest(ask) if isinstance(ask, PersonAsk) else hashlib.sha256(msgspec.json.encode(ask)).hexdigest()
