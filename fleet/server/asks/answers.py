"""Answers to stations' asks: orders and administrators, one person's order, envelope checks, region data; the issuer's passed on.

Rules: who asks is the station that the topic belongs to, and the answer goes to that station's own topic; lists are
JWS (RFC 7515, ES256) under the server's key, bound to the station, with an end to their use; a question that cannot
be read is answered with an error and without content. No code passes through here but sealed.
"""

import asyncio
import base64
import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from fleet.messages.asking import ORDER_TYP, REGION_TYP, SYNC_TYP
from fleet.messages.certificate_renewal import MAX_REQUEST_CHARACTERS, RenewalAsk
from fleet.messages.events import MAX_SEQUENCE
from fleet.messages.key_rotation import KeysAsk
from fleet.messages.link import (
    MAX_CHAIN_HASHES,
    Administrator,
    Answer,
    Ask,
    ChainAsk,
    EnvelopeAsk,
    HandOverAsk,
    MessageError,
    Order,
    OrderAsk,
    ReceiptMailAsk,
    ReleaseAsk,
    SyncAsk,
    SyncPage,
    decode,
    encode,
)
from fleet.messages.region import RegionAsk
from fleet.messages.settings import SETTINGS_TYP
from fleet.messages.signed import MAX_ASK_BYTES
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.enrolment.model import EnrolmentRefused, IssuedChain, Outcome
from fleet.server.events.queries import held_chain
from fleet.server.issuers.region_data import RegionData, StationFile
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.issuers.stopped_cards import stop_digests_after
from fleet.server.keys.signing import Signer
from fleet.server.orders import queries as ordering
from fleet.server.orders.model import RELEASED_LOA
from fleet.server.people.queries import administrators_after
from fleet.server.people.service import leaver_digests_after, mail_address
from fleet.server.station_settings.queries import settings_of
from fleet.server.stations.alarms import GUESSING, LETTER_KEY_MISSING, Alarm, AlarmRecorder
from fleet.server.verifier.model import MAX_SEALED_CHARACTERS, EnvelopeFacts, Verifier, VerifierAwayError
from provisioning.authority import AuthorityError

PAGE = 200
DIGESTS_PAGE = 1000
"""So many digests are on a page."""
VALID = timedelta(hours=24)
"""So long a list is believed, where the region does not say otherwise (docs/rules.md, "How long lists are believed")."""
PAST = timedelta(days=30)
"""So long a person is still told that the last day of their order is over."""
MAX_NAMED = 64
"""Characters of an HSA-id, or of a card number."""

_NONCE = re.compile(r"[0-9a-f]{32}\Z")
DIGESTS = "lsh"
"""Kinds of digests, in their order: of leavers, of stopped cards, of cards that are not handed over."""
_CURSOR = re.compile(r"([oalsh]):(.{0,64})\Z", re.DOTALL)

_log = logging.getLogger(__name__)

EVEN_S = 0.1
"""No answer about an envelope leaves sooner after its question: what finding an order costs, and not finding one, is far less."""

Clock = Callable[[], datetime]


class Renewals(Protocol):
    """Renewal of the certificate of the station that shows one, from any thread: `fleet.server.enrolment`."""

    def renew(self, shown: x509.Certificate, request: x509.CertificateSigningRequest, address: str) -> Outcome:
        """Raises AuthorityError once the issuing certificate has ended."""


class Answers:
    """Answers one question at a time; several may run at once."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        verifier: Verifier,
        alarms: AlarmRecorder,
        clock: Clock,
        issuer: IssuerAnswers | None = None,
        region: RegionData | None = None,
        valid: timedelta = VALID,
        even_s: float = EVEN_S,
        renewals: Renewals | None = None,
        mails: Callable[[], bool] = lambda: False,
    ) -> None:
        """`issuer`, `region` and `renewals`: None where none is set up; such questions are answered by the error
        `not_set_up`. `valid`: so long a list is believed. `mails`: whether receipts can be mailed at all."""
        self._mails = mails
        self._renewals = renewals
        self._even_s = even_s
        self._valid = valid
        self._database = database
        self._signer = signer
        self.verifier = verifier
        self._alarms = alarms
        self._clock = clock
        self._issuer = issuer
        self._region = region or RegionData()

    async def answer(self, station: str, payload: bytes, signed_with: x509.Certificate | None = None) -> Answer:
        """The answer to any bytes at all. `signed_with`: whose key has signed them; a renewal follows that certificate. Never
        raises for what a station sent."""
        try:
            if len(payload) > MAX_ASK_BYTES:
                raise MessageError(f"a question has at most {MAX_ASK_BYTES} bytes")
            ask = decode(Ask, payload)
            return await self._answer(station, ask, signed_with)
        except MessageError:
            # Nothing is logged here, not even the reason: it may quote what was asked, and a station could fill the log.
            return _error("bad_ask", "The question does not fit the contract.")
        except READ_FAULTS as error:
            _log.error("%s cannot be answered: %s", station, type(error).__name__)
            return _error("store_away", "The server cannot read its store just now.")

    async def _answer(self, station: str, ask: Ask, signed_with: x509.Certificate | None) -> Answer:
        match ask:
            case SyncAsk():
                return await asyncio.to_thread(self._sync, station, ask)
            case OrderAsk():
                return await asyncio.to_thread(self._find, station, ask.hsa_id)
            case EnvelopeAsk() | ReleaseAsk():
                return await self._verify(station, ask)
            case RegionAsk():
                return await asyncio.to_thread(self._region_page, station, ask)
            case KeysAsk():
                return Answer(ok=True, keys=self._signer.chain)
            case RenewalAsk():
                return await asyncio.to_thread(self._renew, station, ask, signed_with)
            case ChainAsk():
                return await asyncio.to_thread(self._chain, station, ask)
            case ReceiptMailAsk() | HandOverAsk():
                return await asyncio.to_thread(self._look_up, ask)
            case _ if self._issuer is None:
                return _error("not_set_up", "No issuer is set up at this server.")
            case _:
                return await self._issuer.answer(station, ask)

    def _region_page(self, station: str, ask: RegionAsk) -> Answer:
        settings = self._settings(station) if ask.settings else None
        page = self._region.page(station, ask, self._clock(), settings)
        return Answer(ok=True, jws=self._signer.sign(encode(page), REGION_TYP))

    def _settings(self, station: str) -> StationFile | None:
        with self._database.reading.begin() as connection:
            settings = settings_of(connection, station)
        if settings is None:
            return None
        return StationFile(settings.version, lambda: self._signer.sign(encode(settings), SETTINGS_TYP))

    def _renew(self, station: str, ask: RenewalAsk, current: x509.Certificate | None) -> Answer:
        if len(ask.request) > MAX_REQUEST_CHARACTERS:
            raise MessageError("request: out of bounds")
        if self._renewals is None or current is None:
            return _error("not_set_up", "This server has no issuing key.")
        try:
            request = x509.load_der_x509_csr(base64.b64decode(ask.request, validate=True))
        except ValueError:  # binascii.Error too
            raise MessageError("request: no PKCS#10 in base64") from None
        if (
            self._clock()
            < current.not_valid_before_utc + (current.not_valid_after_utc - current.not_valid_before_utc) / 2
        ):
            return _error("too_early", "Less than half of the certificate's time is over.")
        try:
            outcome = self._renewals.renew(current, request, station)
        except AuthorityError as error:
            _log.error("the certificate of %s cannot be renewed: %s", station, error)
            return _error("issuing_ended", "The issuing key has ended.")
        if not isinstance(outcome, IssuedChain):
            return _error(outcome.why if isinstance(outcome, EnrolmentRefused) else "waits", "It is not renewed.")
        ders = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in outcome.chain]
        return Answer(ok=True, certificates=tuple(ders))

    def _chain(self, station: str, ask: ChainAsk) -> Answer:
        if (
            not 1 <= ask.epoch <= MAX_SEQUENCE
            or not 0 <= ask.last <= MAX_SEQUENCE
            or not 0 < ask.count <= MAX_CHAIN_HASHES
        ):
            raise MessageError("epoch, last or count: out of bounds")
        with self._database.reading.begin() as connection:
            return Answer(ok=True, chain=held_chain(connection, station, ask.epoch, ask.last, ask.count))

    def _look_up(self, ask: ReceiptMailAsk | HandOverAsk) -> Answer:
        named = ask.hsa_id if isinstance(ask, ReceiptMailAsk) else ask.card_number
        if not 0 < len(named) <= MAX_NAMED:
            raise MessageError("hsa_id or card_number: out of bounds")
        with self._database.reading.begin() as connection:
            if isinstance(ask, HandOverAsk):
                return Answer(ok=True, delivery=ordering.pending_hand_over(connection, named))
            return Answer(ok=True, mail=self._mails() and mail_address(connection, named) is not None)

    def _sync(self, station: str, ask: SyncAsk) -> Answer:
        """Orders, then administrators, then digests; a page that is full is followed by another."""
        match = _CURSOR.match(ask.cursor or "o:")
        if match is None:
            raise MessageError("cursor: none of ours")
        kind, after = match.groups()
        people: list[Administrator] = []
        orders: list[Order] = []
        digests: list[tuple[str, str]] = []
        with self._database.reading.begin() as connection:
            today = local_day(self._clock())
            if kind == "o":
                orders = ordering.orders_at(connection, station, today, after=after, limit=PAGE)
                kind, after = "a", ""
            room = PAGE - len(orders)
            if kind == "a" and room:
                people = administrators_after(connection, station, today, after=after, limit=room)
                kind, after = "l", ""
            if ask.leavers and len(orders) + len(people) < PAGE:
                digests = self._digests(connection, kind, after)
        following = _next(orders, people) if not digests else None if len(digests) < DIGESTS_PAGE else digests[-1][0]
        return self._signed(SYNC_TYP, station, orders, people, following, [digest for _, digest in digests])

    def _digests(self, connection: Connection, kind: str, after: str) -> list[tuple[str, str]]:
        """A page of them from that kind on, each with its cursor."""
        now, digests = self._clock(), list[tuple[str, str]]()
        for name in DIGESTS[DIGESTS.index(kind) :]:
            limit = DIGESTS_PAGE - len(digests)
            match name:
                case "l":
                    listed = leaver_digests_after(connection, local_day(now), after=after, limit=limit)
                    rows = list(zip(listed, listed, strict=True))
                case "s":
                    rows = stop_digests_after(connection, now, after=after, limit=limit)
                case _:
                    rows = ordering.hand_overs_after(connection, after=after, limit=limit)
            digests += [(f"{name}:{cursor}", digest) for cursor, digest in rows]
            after = ""
        return digests

    def _find(self, station: str, hsa_id: str) -> Answer:
        with self._database.reading.begin() as connection:
            now = self._clock()
            orders = ordering.orders_for(connection, station, hsa_id, local_day(now), since=local_day(now - PAST))
        return self._signed(ORDER_TYP, station, orders, [], None)

    def _signed(
        self,
        typ: str,
        station: str,
        orders: list[Order],
        people: list[Administrator],
        following: str | None,
        leavers: Sequence[str] = (),
    ) -> Answer:
        now = self._clock()
        page = SyncPage(
            station=station,
            issued=_rfc3339(now),
            not_after=_rfc3339(now + self._valid),
            orders=tuple(orders),
            administrators=tuple(people),
            next=following,
            leavers=tuple(leavers),
        )
        return Answer(ok=True, jws=self._signer.sign(encode(page), typ))

    async def _verify(self, station: str, ask: EnvelopeAsk | ReleaseAsk) -> Answer:
        if not _NONCE.match(ask.nonce) or not 0 < len(ask.order) <= 64 or len(ask.sealed) > MAX_SEALED_CHARACTERS:
            raise MessageError("order, nonce or sealed: out of bounds")
        loa = RELEASED_LOA if isinstance(ask, ReleaseAsk) else None
        even = asyncio.create_task(asyncio.sleep(self._even_s))
        try:
            return await self._judged(station, ask, loa)
        finally:
            await even

    async def _judged(self, station: str, ask: EnvelopeAsk | ReleaseAsk, loa: int | None) -> Answer:
        facts = await asyncio.to_thread(self._envelope, station, ask.order, loa)
        try:
            judgement = await self.verifier.ask(station, ask, facts)
        except VerifierAwayError as error:
            _log.error("the verifier is away: %s", error)
            return _error("verifier_away", "The envelope cannot be verified just now.")
        if judgement.alarm:
            guessing = Alarm(station, GUESSING, ask.order if facts else "")
            await asyncio.to_thread(self._alarms.record, guessing, self._clock())
        if judgement.verdict == "nonce_used":
            return _error("nonce_used", "This question has been asked before.")
        if judgement.verdict == "no_key":
            missing = Alarm(station, LETTER_KEY_MISSING, facts.key if facts else "")
            await asyncio.to_thread(self._alarms.record, missing, self._clock())
            return _error("verifier_away", "The envelope cannot be verified just now.")
        return Answer(ok=True, verdict=judgement.verdict)

    def _envelope(self, station: str, order: str, loa: int | None) -> EnvelopeFacts | None:
        with self._database.reading.begin() as connection:
            envelope = ordering.envelope_of(connection, station, order, local_day(self._clock()), loa=loa)
        return None if envelope is None else EnvelopeFacts(envelope.card_number, envelope.key, envelope.mac)


def _next(orders: list[Order], people: list[Administrator]) -> str | None:
    if len(orders) + len(people) < PAGE:
        return None
    return f"a:{people[-1].hsa_id}" if people else f"o:{orders[-1].order}"


def _error(code: str, text: str) -> Answer:
    return Answer(ok=False, error=code, text=text)


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
