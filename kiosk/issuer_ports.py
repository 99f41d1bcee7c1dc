"""What a journey is given of the issuer and the register: certificates, blocks, a card's own keys, people, log-in, switch-offs.

All of it is asked of the server; nothing here waits for more than a few seconds. Where there is no answer the word is
`Unavailable`, which is an expected outcome like any other: the journey says so and offers what works. Names of the types
are the outcomes that the journal writes (`Blocked` -> `blocked`).

>>> await log.effect("card.block", desk.blocking.block(number, "lost", by=hsa_id, errand=log.id))     # doctest: +SKIP
Queued(since=datetime.datetime(...))
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from drivers.reader.keys import ManagementAlgorithm, ManagementKey
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from drivers.secret import Secret
from fleet.messages.issuing import (
    AdministratorRole,
    BlockReason,
    CardRecord,
    CardState,
    HoldReason,
    Offer,
    Person,
    SwitchOff,
)
from kiosk.proof_ports import Signer

__all__ = [
    "NOT_LOGGED_IN",
    "Administrators",
    "BlockReason",
    "Blocked",
    "Blocking",
    "CardKeys",
    "CardRecord",
    "CardState",
    "Declined",
    "Directory",
    "Found",
    "Held",
    "HoldReason",
    "Issued",
    "Issuer",
    "LetterOrdered",
    "Lifted",
    "LoggedIn",
    "NotFound",
    "Offer",
    "Person",
    "Queued",
    "Released",
    "Response",
    "SwitchOff",
    "Switches",
    "Unavailable",
]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody could be asked, or no answer came in time. What was asked for may be tried again."""

    reason: str = "no_connection"
    """`no_connection`, `no_answer`, `issuer_away`, `not_set_up`."""


@dataclass(frozen=True, slots=True)
class Declined:
    """Issuer or server will not do it; asking again changes nothing. `reason`: a code of docs/messages.md."""

    reason: str


NOT_LOGGED_IN = Declined("administrators_missing")
"""The server does not count the log-in of who attends, because it was too long ago."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for the key of the request. `chain`: DER, the card's certificate first."""

    chain: tuple[bytes, ...] = field(repr=False)


class Issuer(Protocol):
    """Certificates for keys that were made in the card."""

    async def offers(self, facts: CardFacts) -> tuple[Offer, ...] | Declined | Unavailable:
        """What this card may be given now, each with the last day that the certificate may have; () where nothing."""

    async def certificate(
        self,
        request: bytes,
        offer: Offer,
        *,
        facts: CardFacts,
        errand: str,
        proof: Signed | None = None,
        administrators: tuple["LoggedIn", ...] = (),
    ) -> Issued | Declined | Unavailable:
        """Ask for the certificate of a PKCS#10 `request` (DER, see `kiosk.certificate_request`).

        `proof`: the exact request signed by the key of the card's present certificate for that purpose, where there is one
        (renewal). `administrators`: who attends, where the level asks for it (two for
        LoA3 on a reserve card). Asked twice with the same request it gives the same certificate.
        """


@dataclass(frozen=True, slots=True)
class Blocked:
    """Revoked for good, at the issuer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """On hold. `from_state`: the state to which it goes back when the hold is lifted."""

    from_state: CardState


@dataclass(frozen=True, slots=True)
class Lifted:
    """No longer on hold: in `state`, exactly as it was."""

    state: CardState


@dataclass(frozen=True, slots=True)
class Queued:
    """Kept at the station, durably, and told to the issuer as soon as there is a connection, before anything else."""

    since: datetime


class Blocking(Protocol):
    """Blocks and holds, through a queue of their own: never behind an event, never lost."""

    async def block(
        self, card_number: str, reason: BlockReason, *, by: str, errand: str
    ) -> Blocked | Queued | Declined:
        """Revoke the card's certificates for good. `by`: HSA-id of who wants it (holder, with card and PIN, or administrator)."""

    async def hold(self, card_number: str, reason: HoldReason, *, by: str, errand: str) -> Held | Queued | Declined:
        """Make the card unusable until the hold is lifted. `by` is empty where nobody has shown who they are."""

    async def lift(self, card_number: str, *, by: str, errand: str) -> Lifted | Declined | Unavailable:
        """End a hold. Needs the server: an old hold in this station's queue is told first."""

    async def waiting(self) -> int:
        """How many blocks and holds have not been told yet."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a card's challenge."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Released:
    """The PUK of this card, released once for this errand. Use it at once; it is told nowhere else."""

    puk: Secret


@dataclass(frozen=True, slots=True)
class LetterOrdered:
    """A new letter is on its way. `where`: `home` (the registered address) or `office`."""

    arrives: date
    where: Literal["home", "office"]


class CardKeys(Protocol):
    """A card's own administrative keys. They stay at the server; answers come for one card, one challenge."""

    def management(self, facts: CardFacts, algorithm: ManagementAlgorithm, *, errand: str) -> ManagementKey:
        """For `KeyVisit.generate_key` and the like: asks the server from the reader's thread, and raises ReaderError
        where there is no answer. Call it in the loop."""

    async def unblock_response(
        self, facts: CardFacts, challenge: bytes, *, administrator: "LoggedIn", errand: str
    ) -> Response | Declined | Unavailable:
        """Answer the card's challenge for its administrative key, with administrator and holder named in the audit."""

    async def release_puk(
        self, facts: CardFacts, *, administrator: "LoggedIn", errand: str
    ) -> Released | Declined | Unavailable:
        """The PUK of this card, once, with administrator and holder named in the audit."""

    async def order_letter(
        self, card_number: str, hsa_id: str, *, errand: str
    ) -> LetterOrdered | Declined | Unavailable:
        """Order a new code letter for the card."""


@dataclass(frozen=True, slots=True)
class Found:
    """What register and directory know. `person` is None for a card whose holder is not in the directory any more."""

    person: Person | None
    cards: tuple[CardRecord, ...] = ()
    offers: tuple[Offer, ...] = ()

    def card(self, number: str) -> CardRecord | None:
        """The card with that number."""
        return next((one for one in self.cards if one.card_number == number), None)


@dataclass(frozen=True, slots=True)
class NotFound:
    """Neither directory nor register knows it."""


class Directory(Protocol):
    """People and cards."""

    async def find(self, *, hsa_id: str = "", card_number: str = "") -> Found | NotFound | Unavailable:
        """A person with all cards, or the card of that number with its holder."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An ID administrator whose card has proved itself. `by` says who vouched; `token` is the server's word (empty offline)."""

    hsa_id: str
    name: str
    by: Literal["server", "list"]
    token: str = field(default="", repr=False)
    roles: tuple[AdministratorRole, ...] = ()
    """By the list."""


class Administrators(Protocol):
    """Log-in of ID administrators by card."""

    async def log_in(self, sign: Signer, level: int | None) -> LoggedIn | Declined | Unavailable:
        """Let the card sign a nonce: the server's, or, without connection, one of our own, against the signed list while that
        is valid. `level`: of assurance, of the certificate that signs, by the card's profile. `Declined`: `not_administrator`,
        `not_level_3`, `not_kra`, `not_for_identification`, `card_not_valid`, `bad_signature`, `card_did_not_sign`.
        Raises CardGoneError as `Visit.sign` does.
        """


class Switches(Protocol):
    """What a region has switched off, by signed data as last synced."""

    def off(self, *, errand: str = "", product: str = "", card_number: str = "") -> SwitchOff | None:
        """The first switch-off that names the errand, the product, or a batch that the number is in."""
