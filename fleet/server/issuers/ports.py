"""Ports of an issuer: what the server wants of one. An adapter implements these; a region mixes them as its issuer offers them.

Rules: everything that changes something carries the id of the wish, and is done once for it; a refusal is a value, an issuer that
cannot be reached an `IssuerAwayError`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec
from cryptography import x509

from fleet.messages.asking import (
    AnsweredResult,
    BlockAsk,
    BlockedResult,
    ChallengeAsk,
    DeclinedResult,
    HeldResult,
    HoldAsk,
    InPortalResult,
    IssuedResult,
    LetterAsk,
    LetterOrderedResult,
    LiftAsk,
    LiftedResult,
    MarkedResult,
    PukAsk,
    ReleasedResult,
    WorklistResult,
)
from fleet.messages.issuing import CardRecord, DirectoryPerson, Offer
from fleet.server.issuers.model import HandoverReport
from fleet.server.issuers.proofs.certificate_chains import Standing

__all__ = [
    "CardRegister",
    "CertificateIssuer",
    "CertificateRequest",
    "DirectoryEntry",
    "DirectoryService",
    "IssuerAwayError",
    "OrderSource",
    "Standing",
    "StationWorklist",
    "StatusSource",
    "nothing_waits",
]  # fmt: skip


class StationWorklist(Protocol):
    """Worklist of a station."""

    def __call__(self, station: str, hsa_id: str, take: str) -> WorklistResult:
        """For that administrator, who takes a row where `take` is its id. Raises sqlalchemy.exc.SQLAlchemyError."""


def nothing_waits(station: str, hsa_id: str, take: str) -> WorklistResult:
    """Return an empty worklist, where the server has none."""
    return WorklistResult()


class IssuerAwayError(Exception):
    """The issuer does not answer, or answers what cannot be understood. The text says which part; it shows no content."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A certificate that was asked for and may be given. `request` and `current` are DER; `current` only for a renewal."""

    request: bytes = field(repr=False)
    offer: Offer
    card_number: str
    hsa_id: str
    current: bytes | None = field(default=None, repr=False)
    station: str = ""
    """Where it was asked for."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """Entry that directory and register make up together."""

    person: DirectoryPerson | None
    cards: tuple[CardRecord, ...]

    @property
    def shown(self) -> DirectoryPerson | None:
        """The person without the name of a protected identity, whatever the directory gave."""
        if self.person is None or not self.person.protected:
            return self.person
        return msgspec.structs.replace(self.person, name=None)


class CertificateIssuer(Protocol):
    async def certificate(self, request: CertificateRequest) -> IssuedResult | InPortalResult | DeclinedResult:
        """The certificate with its chain; or the word that people make it in the issuer's portal. Raises IssuerAwayError."""


class CardRegister(Protocol):
    """Knows the state of every card, and changes it. `by`: the HSA-id of who has proved to be allowed to, empty where nobody has.
    All methods raise IssuerAwayError."""

    async def block(self, ask: BlockAsk, by: str) -> BlockedResult | MarkedResult | DeclinedResult:
        """Revoke all certificates of the card, for good; or mark it, where people do that in the issuer's portal."""

    async def hold(self, ask: HoldAsk, by: str) -> HeldResult | MarkedResult | DeclinedResult:
        """Suspend them (RFC 5280 5.3.1, certificateHold); or mark the card, where the issuer's system has no hold."""

    async def lift(self, ask: LiftAsk, by: str) -> LiftedResult | DeclinedResult:
        """End the suspension: the card is what it was before."""

    async def release_puk(self, ask: PukAsk, station: str, people: tuple[str, ...]) -> ReleasedResult | DeclinedResult:
        """Seal the PUK to the asker's key, once for a card. `people`: who holds the card, and who attends."""

    async def received(self, report: HandoverReport) -> DeclinedResult | None:
        """The holder has the card, which is in use from now on. None where the register says so."""

    async def answer_challenge(self, ask: ChallengeAsk, people: tuple[str, ...]) -> AnsweredResult | DeclinedResult:
        """One block under a card's own key that the issuer keeps; `no_key` where it does not answer for cards. `people`: who
        holds the card, and who attends."""

    async def order_letter(self, ask: LetterAsk, holder: str) -> LetterOrderedResult | DeclinedResult:
        """Send a new code letter."""


class DirectoryService(Protocol):
    """People, and which cards they have."""

    async def find(self, hsa_id: str, card_number: str) -> DirectoryEntry | None:
        """By one of the two; None where nothing is known. Raises IssuerAwayError."""


class OrderSource(Protocol):
    """The issuer's list of orders."""

    async def orders(self) -> bytes:
        """All orders that may be imported, as the CSV of docs/operations.md. Raises IssuerAwayError."""


class StatusSource(Protocol):
    """Source that publishes which certificates are revoked."""

    async def lists(self) -> tuple[bytes, ...]:
        """The newest CRL of each issuing authority, DER, its signature checked. Raises IssuerAwayError."""

    async def standing(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Standing:
        """Return what the issuer says of one certificate now. Raises IssuerAwayError."""
