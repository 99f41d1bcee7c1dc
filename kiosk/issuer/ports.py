"""Ports of the issuer and the register: certificates, blocks, a card's own keys, people, log-in, switch-offs.

All of it is asked of the server; nothing here waits for more than a few seconds. Where there is no answer the word is
`Unavailable`, which is an expected outcome like any other: the journey says so and offers what works. Names of the types
are the outcomes that the journal writes (`CardBlocked` -> `blocked`).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from drivers.reader.keys import ManagementAlgorithm, ManagementKey, MutualAnswer
from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Signed
from drivers.reader.secret import Secret
from fleet.messages import asking
from fleet.messages.asking import BinAsk, ReceivedAsk, StockAsk
from fleet.messages.issuing import (
    AdministratorRole,
    BlockReason,
    CardRecord,
    CardState,
    DirectoryPerson,
    HoldReason,
    Offer,
    SwitchOff,
)
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Pledge

__all__ = [
    "LATE",
    "Administrators",
    "BlockReason",
    "Blocking",
    "CardBlocked",
    "CardBound",
    "CardHeld",
    "CardKeyResponse",
    "CardKeys",
    "CardMarked",
    "CardRecord",
    "CardState",
    "CardWord",
    "CertificateIssued",
    "Directory",
    "DirectoryPerson",
    "Found",
    "HoldLifted",
    "HoldReason",
    "InPortal",
    "Issuer",
    "LetterNoted",
    "LetterOrdered",
    "LoggedIn",
    "NotFound",
    "Offer",
    "PukReleased",
    "RequestDeclined",
    "RequestQueued",
    "SwitchOff",
    "Switches",
    "Unavailable",
]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody could be asked, or no answer came in time. What was asked for may be tried again."""

    reason: str = "no_connection"
    """`no_connection`, `no_answer`, `issuer_away`, `not_set_up`, `lists_too_old`."""


@dataclass(frozen=True, slots=True)
class RequestDeclined:
    """Issuer or server will not do it; asking again changes nothing. `reason`: a code of docs/messages.md."""

    reason: str


LATE = ("administrators_missing", "nonce_unknown")
"""Reasons for which the server does not count the proof of who attends, because it was too long ago."""


@dataclass(frozen=True, slots=True)
class CertificateIssued:
    """A certificate for the key of the request. `chain`: DER, the card's certificate first."""

    chain: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class InPortal:
    """The issuer's portal is for people: the administrator who attends fetches it there, by hand; or, of a certificate, its
    request waits for somebody who does."""


@dataclass(frozen=True, slots=True)
class CardBound:
    """A reserve card is a person's from now on. `card_number`: which one, to be handed over from `slot` by that order."""

    order: str
    card_number: str
    slot: int


class Issuer(Protocol):
    """Certificates for keys that were made in the card; and reserve cards, which two administrators bind to somebody."""

    async def bind(
        self, card_number: str, hsa_id: str, *, errand: str, people: tuple[PersonProof, ...]
    ) -> CardBound | RequestDeclined | Unavailable:
        """Make a reserve card that lies here that person's for good; or the one that was bound to them before, and not taken.
        Needs the server. `people`: two administrators, neither of whom is that person."""

    async def offers(self, facts: CardFacts) -> tuple[Offer, ...] | RequestDeclined | Unavailable:
        """Return what this card may be given now, each with the last day that the certificate may have; () where
        nothing."""

    async def certificate(
        self,
        request: bytes,
        offer: Offer,
        *,
        facts: CardFacts,
        errand: str,
        proof: Signed | None = None,
        people: tuple[PersonProof, ...] = (),
    ) -> CertificateIssued | InPortal | RequestDeclined | Unavailable:
        """Ask for the certificate of a PKCS#10 `request` (DER, see `kiosk.issuer.certificate_request`).

        `proof`: the exact request signed by the key of the card's present certificate for that purpose, where there is one
        (renewal). `people`: the holder, and who attends where the level asks for it (two for LoA3 on a reserve card). Asked
        twice with the same request it gives the same certificate. `InPortal`: people make it in the issuer's portal, and it is
        there once an offer says so (`Offer.ready`).
        """


@dataclass(frozen=True, slots=True)
class CardBlocked:
    """Revoked for good, at the issuer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CardHeld:
    """On hold. `from_state`: the state to which it goes back when the hold is lifted."""

    from_state: CardState


@dataclass(frozen=True, slots=True)
class CardMarked:
    """The issuer's system has no hold, or takes blocks from people alone: the fleet's stations take the card for one on hold, and
    somebody has to block it."""


@dataclass(frozen=True, slots=True)
class HoldLifted:
    """No longer on hold: in `state`, exactly as it was."""

    state: CardState


@dataclass(frozen=True, slots=True)
class RequestQueued:
    """Kept at the station, durably, and told to the issuer as soon as there is a connection, before anything else."""

    since: datetime


class Blocking(Protocol):
    """Blocks and holds, through a queue of their own: never behind an event, never lost."""

    async def block(
        self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str
    ) -> CardBlocked | CardMarked | RequestQueued | RequestDeclined:
        """Revoke the card's certificates for good; it is only marked where people do that in the issuer's portal. `by`: who wants
        it (the holder with the card, or an administrator)."""

    async def blocked_in_portal(
        self, card_number: str, reason: BlockReason, *, by: PersonProof, errand: str
    ) -> CardBlocked | RequestDeclined | Unavailable:
        """Tell the server that an administrator, `by`, has blocked the card in the issuer's portal. Needs the server;
        nothing is kept for later."""

    async def hold(
        self, card_number: str, reason: HoldReason, *, by: PersonProof | None, errand: str, note_only: bool = False
    ) -> CardHeld | CardMarked | RequestQueued | RequestDeclined:
        """Make the card unusable until the hold is lifted. `by` is None where nobody has shown who they are; `note_only`:
        beyond the limit of such holds, so that it is declined, and people are told."""

    async def lift(
        self, card_number: str, *, by: PersonProof, errand: str
    ) -> HoldLifted | RequestDeclined | Unavailable:
        """End a hold. Needs the server: an old hold in this station's queue is told first."""

    def pledge_for_drop(
        self, card_number: str, block: BlockReason | None, *, by: PersonProof | None, errand: str,
        hold: HoldReason = "returned", note_only: bool = False,
    ) -> Pledge | None:  # fmt: skip
        """Return what the server is told of a card that falls into the bin, in the transaction that says so: the block
        of that reason that its holder's proof stands behind, else a hold (as in `hold`); a hold also where it got
        stuck, or nobody knows where it is. None: nobody can be told."""

    def pledge_for_errand(
        self, ask: ReceivedAsk | StockAsk | BinAsk, people: tuple[PersonProof, ...], *, errand: str
    ) -> Pledge | None:
        """Return what the server is told of an errand, in the names of those people, once it has ended, or with its
        receipt. `ask` has no id yet. None: nobody can be told."""

    async def waiting(self) -> int:
        """Return how many have not been told yet."""


@dataclass(frozen=True, slots=True)
class CardKeyResponse:
    """The answer to a card's challenge."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PukReleased:
    """The PUK of this card, released once for this errand. Use it at once; it is told nowhere else."""

    puk: Secret


@dataclass(frozen=True, slots=True)
class LetterOrdered:
    """A new letter is on its way. `where`: `home` (the registered address) or `office`."""

    arrives: date
    where: Literal["home", "office"]


@dataclass(frozen=True, slots=True)
class LetterNoted:
    """Somebody orders it in the issuer's portal, and it stands on the worklist until they have."""


class CardKeys(Protocol):
    """A card's own administrative keys. They stay at the server; answers come for one card, one challenge."""

    def management(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, *, errand: str, people: tuple[PersonProof, ...]
    ) -> ManagementKey:
        """For `KeyVisit.generate_key` and the like: asks the server from the reader's thread, and raises ReaderError
        where there is no answer. Call it in the loop."""

    async def answer_witness(
        self, facts: CardFacts, algorithm: ManagementAlgorithm, witness: bytes, challenge: bytes, *, errand: str
    ) -> MutualAnswer | RequestDeclined | Unavailable:
        """Return what the card's own management key makes of its witness and of our challenge, before the card is
        handed out."""

    async def unblock_response(
        self, facts: CardFacts, challenge: bytes, *, administrator: "LoggedIn", errand: str
    ) -> CardKeyResponse | InPortal | RequestDeclined | Unavailable:
        """Answer the card's challenge for its administrative key, with administrator and holder named in the audit."""

    async def release_puk(
        self, facts: CardFacts, *, administrator: "LoggedIn", errand: str
    ) -> PukReleased | InPortal | RequestDeclined | Unavailable:
        """The PUK of this card, once, with administrator and holder named in the audit."""

    async def order_letter(
        self, card_number: str, *, errand: str, by: PersonProof | None = None
    ) -> LetterOrdered | LetterNoted | RequestDeclined | Unavailable:
        """Order a new code letter for the card. In nobody's name: to the registered address, once in 30 days a card."""


@dataclass(frozen=True, slots=True)
class CardWord:
    """State of a card in register and directory, told before anybody has proved anything: not whose it is."""

    card_number: str
    state: CardState
    product: str
    holder: asking.Holder = "here"
    """Whether the directory knows the holder, and whether they have left."""
    protected: bool = False
    """No name of this card is shown: also where nobody knows."""
    reserve: bool = False
    loa: int = 3
    hold_reason: HoldReason | None = None
    activate_by: str | None = None
    offers: tuple[Offer, ...] = ()
    nonce: str = ""
    """The server's, for the mandate of this visit."""
    held_from: CardState | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Answer of register and directory. `person` is None for a card whose holder is not in the directory any more."""

    person: DirectoryPerson | None
    cards: tuple[CardRecord, ...] = ()
    offers: tuple[Offer, ...] = ()

    def card(self, number: str) -> CardRecord | None:
        """The card with that number."""
        return next((card for card in self.cards if card.card_number == number), None)


@dataclass(frozen=True, slots=True)
class NotFound:
    """Neither directory nor register knows it."""


class Directory(Protocol):
    async def state(self, card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
        """The card of that number, without whose it is; `hsa_id`: as it stands for that one of its holders."""

    async def find(
        self, *, hsa_id: str = "", card_number: str = "", people: tuple[PersonProof, ...] = ()
    ) -> Found | NotFound | RequestDeclined | Unavailable:
        """A person with all cards, or the card of that number with its holder: for that holder, or who attends."""

    async def can_mail(self, hsa_id: str) -> bool:
        """Return whether the server can mail that person a receipt; False where it cannot be asked."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An ID administrator whose card has proved itself. `by` says whose list vouched; `proof` stands behind what they read."""

    hsa_id: str
    name: str
    by: Literal["server", "list"]
    proof: PersonProof | None = field(default=None, repr=False)
    roles: tuple[AdministratorRole, ...] = ()
    """By the list."""
    act: PersonProof | None = field(default=None, repr=False)
    """What their card has signed about one card, for one act."""

    @property
    def hsa_ids(self) -> frozenset[str]:
        """Of this one person, by their card: two of them are not two people, and the holder of one is the holder."""
        return frozenset({self.hsa_id}) | (self.proof.hsa_ids if self.proof else frozenset())


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits for an administrator of this station. `card`: the last digits, empty where it is about none."""

    id: str
    kind: str
    due: datetime
    card: str = ""
    taken: Literal["", "you", "other"] = ""


@dataclass(frozen=True, slots=True)
class Tasks:
    """The shortest time first; `total` where there are more."""

    shown: tuple[Task, ...] = ()
    total: int = 0


class Administrators(Protocol):
    """Log-in of ID administrators by card, and what waits for them."""

    async def tasks(self, administrator: LoggedIn, *, take: str = "") -> Tasks | RequestDeclined | Unavailable:
        """Return the tasks that wait at this station; `take`: a row that this administrator takes. The server alone
        knows."""

    async def log_in(self, proof: PersonProof) -> LoggedIn | RequestDeclined | Unavailable:
        """Log that person in as an administrator: by the server, or, without connection, by the signed list while that
        is valid. `RequestDeclined`: `not_administrator`, `not_level_3`, `not_kra`, `not_for_identification`,
        `card_not_valid` and what else docs/messages.md has."""


class Switches(Protocol):
    """The switch-offs of a region, by signed data as last synced."""

    def off(self, *, errand: str = "", product: str = "", card_number: str = "") -> SwitchOff | None:
        """The first switch-off that names the errand, the product, or a batch that the number is in."""
