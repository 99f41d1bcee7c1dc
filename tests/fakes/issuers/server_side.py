"""The server's side of one issuer: its answers over a store, with register and status in memory."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    ChallengeAsk,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    LiftAsk,
    LiftedResult,
    Result,
    Word,
    tag_of,
    typ_of,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.messages.link import Answer, decode, encode
from fleet.messages.mandates import ABOUT_SIGNER
from fleet.server.asks.answers import Answers
from fleet.server.database.database import Database
from fleet.server.issuer_adapters.directory_with_handovers import WithHandovers
from fleet.server.issuer_adapters.holds_kept_here import HoldsKeptHere, WithMarks
from fleet.server.issuer_wiring import MergedDirectory
from fleet.server.issuers.card_keys import CardKeys, HeldKey
from fleet.server.issuers.certificate_files import TrustedIssuers
from fleet.server.issuers.certificate_offers import OfferRules
from fleet.server.issuers.certificates_by_hand import CertificatesByHand
from fleet.server.issuers.model import Channel, HandoverReport
from fleet.server.issuers.ports import DirectoryEntry, IssuerAwayError, Standing
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.assurance import SHIPPED
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.proofs.verification import ProofJudge, Trusted
from fleet.server.issuers.requests import RequestLog
from fleet.server.issuers.service import IssuerAnswers, IssuerParts
from fleet.server.issuers.tables import wishes
from fleet.server.keys.signing import Signer
from fleet.server.people.queries import replace_administrators
from fleet.server.stations.alarms import AlarmRecorder
from sim.stories.administrators import listed
from sim.stories.room import authority
from tests.fakes.issuers.proving import CardHolder

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


WHO, OTHER, ADMIN, NUMBER = "TEST000000-0001", "TEST000000-0002", "TEST000000-A001", "9752269875"


ALVA, BO = CardHolder.made(WHO, NUMBER), CardHolder.made(OTHER, "9752269883")


MAJ = CardHolder.made(ADMIN, "9752269891")


AT = "2026-03-02T12:00:00Z"


SIGNING = ec.generate_private_key(ec.SECP256R1())


class Register:
    """An issuer in memory; `away` makes it one that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.told: list[Any] = []
        self.received_cards: list[tuple[str, str]] = []
        self.reports: list[HandoverReport] = []
        self.receives: DeclinedResult | None = None
        self.responses: dict[str, str] = {}
        """Responses under the cards' own keys, which the issuer keeps, by challenge."""
        self.attended: list[tuple[str, ...]] = []
        self.card = CardRecord(NUMBER, WHO, "601", "active")
        self.more: tuple[CardRecord, ...] = ()
        """Further cards of its holder."""
        self.others = {one.card_number: CardRecord(one.card_number, one.hsa_id, "601", "active") for one in (MAJ, BO)}
        self.people = {
            WHO: DirectoryPerson(WHO, "Alva Test"),
            OTHER: DirectoryPerson(OTHER, "Bo Test"),
            ADMIN: DirectoryPerson(ADMIN, "Maj Test"),
        }

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        if self.away:
            raise IssuerAwayError("away")
        if card_number in self.others:
            other = self.others[card_number]
            return DirectoryEntry(self.people.get(other.hsa_id), (other,))
        if card_number not in ("", NUMBER) or hsa_id not in ("", *self.card.hsa_ids):
            return None
        further = () if card_number else self.more
        return DirectoryEntry(self.people.get(hsa_id or self.card.hsa_id), (self.card, *further))

    async def block(self, ask: BlockAsk, by: str) -> BlockedResult:
        self.told.append((ask.id, by))
        return BlockedResult(AT)

    async def hold(self, ask: HoldAsk, by: str) -> HeldResult:
        self.told.append((ask.id, by))
        return HeldResult("active")

    async def lift(self, ask: LiftAsk, by: str) -> LiftedResult:
        self.told.append((ask.id, by))
        return LiftedResult("active")

    async def answer_challenge(self, ask: ChallengeAsk, people: tuple[str, ...]) -> AnsweredResult | DeclinedResult:
        self.attended.append(people)
        response = self.responses.get(ask.challenge)
        return DeclinedResult("no_key") if response is None else AnsweredResult(response)

    async def received(self, report: HandoverReport) -> DeclinedResult | None:
        self.reports.append(report)
        if self.away:
            raise IssuerAwayError("away")
        if self.receives is None:
            self.received_cards.append((report.card_number, report.hsa_id))
        return self.receives


class Status:
    """What the issuer says of certificates; it knows no other."""

    def __init__(self) -> None:
        self.says: Standing = "good"

    async def standing(self, certificate: Any, issuer: Any, at: datetime) -> Standing:
        return self.says


class Place:
    """The server's side and a clock that a test sets."""

    def __init__(self, database: Database, folder: Path, *, holds: bool = True, blocks: Channel = "interface") -> None:
        self.database = database
        self.now = NOW
        self.register = Register()
        key = folder / "signing.key"
        key.write_bytes(SIGNING.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signer, alarms = Signer.load(key), AlarmRecorder(database)
        kept = RequestLog(database)
        self.status = Status()
        self.nonces = Nonces(database)
        trusted = Trusted(authority().anchors(), authority().intermediates(), list)
        judge = ProofJudge(self.nonces, trusted, self.status)  # type: ignore[arg-type]  # it asks for one thing
        keys = CardKeys({("management", "*"): [HeldKey("AES-192", bytes(24))]})
        directory: Any = MergedDirectory(WithHandovers(self.register, database), database, lambda: self.now)
        register: Any = self.register
        if not holds:
            directory = WithMarks(directory, database)
            register = HoldsKeptHere(register, directory, lambda: self.now, blocks)
        parts = IssuerParts(None, register, directory, keys, OfferRules(), None, holds=holds)  # type: ignore[arg-type]
        self.issuer = IssuerAnswers(parts, kept, judge, Administrators(database), signer, alarms, lambda: self.now)
        self.answers = Answers(database, signer, None, alarms, lambda: self.now, self.issuer)  # type: ignore[arg-type]

    def with_portal(self) -> None:
        """From now on people register hand-overs, order letters and unlock cards in the issuer's portal."""
        self.issuer.parts = replace(self.issuer.parts, handovers="portal", letters="portal", unlocks="portal")

    def with_certificates_by_hand(self) -> CertificatesByHand:
        """From now on people make certificates in the issuer's portal."""
        trusted = TrustedIssuers(authority().anchors(), authority().intermediates(), SHIPPED)
        by_hand = CertificatesByHand(self.database, lambda: self.now, trusted)
        self.issuer.parts = replace(self.issuer.parts, certificates=by_hand, by_hand=by_hand)
        return by_hand

    async def ask(self, ask: Any, station: str = "entre-a") -> Answer:
        return await self.answers.answer(station, encode(ask))

    async def result(self, ask: Any, station: str = "entre-a") -> Result:
        """The signed word's, checked as a station does."""
        answer = await self.ask(ask, station)
        assert answer.jws is not None, answer
        opened = jws.deserialize_compact(answer.jws, ECKey.import_key(SIGNING.public_key()), algorithms=["ES256"])
        word: Word = decode(Word, opened.payload or b"")
        assert (opened.protected["typ"], word.station, word.id) == (typ_of(ask), station, ask.id)
        return word.result

    async def by(self, someone: CardHolder, ask: Any, station: str = "entre-a", **changed: Any) -> Result:
        """What comes of the ask in that person's name, with a nonce of its own."""
        about = someone.card_number if tag_of(ask) in ABOUT_SIGNER else ask.card_number
        nonce = self.nonces.new(station, about, self.now)
        return await self.result(someone.behind(ask, nonce, station, **changed), station)

    def written(self) -> list[Any]:
        with self.database.reading.begin() as connection:
            return list(connection.execute(select(wishes).order_by(wishes.c.id)))


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMIN, "Maj Test")])
    return Place(database, tmp_path)


def wish(number: int) -> str:
    return f"{number:032x}"
