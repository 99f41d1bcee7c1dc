"""Questions of a station to issuer and register, through the server, and the signed answers (words) to them.

Each question has an `id` that the station made for one wish: asked again with the same id it is done once, and the same word
comes back. A word is a compact JWS (RFC 7515, ES256) whose header `typ` names the question (`typ_of`), with station and
`id` inside, so that no answer can stand in for another. Bytes are base64 where nothing else is said.

What is asked in a person's name carries that person's proof (`fleet.messages.mandates`): no ask names who wants it.

>>> typ_of(BlockAsk(id="0" * 32, card_number="9999", reason="lost", wanted="2026-03-02T08:00:00Z"))
'kortkiosk.card.block+jws'
"""

import hashlib
from typing import Any, Literal

import msgspec

from fleet.messages.issuing import (
    AdministratorRole,
    BlockReason,
    CardRecord,
    CardState,
    DirectoryPerson,
    HoldReason,
    Offer,
    Profile,
)
from fleet.messages.mandates import Proof
from fleet.messages.vocabulary import AskName


class IdentifiedAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", kw_only=True):
    """Base of the asks that have an id: 32 hex digits."""

    id: str


class PersonAsk(IdentifiedAsk, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An ask in the name of people. `proofs`: of each, made for this very ask."""

    proofs: tuple[Proof, ...] = ()


class CertificateAsk(
    PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CERTIFICATE_REQUEST.value, kw_only=True
):
    """A certificate for the key of a PKCS#10 `request` (DER), by the holder, or by those who attend.

    `current`, `proof`, `algorithm`: for a renewal, the present certificate (DER) and its key's signature over the request.
    """

    card_number: str
    hsa_id: str
    profile: Profile
    loa: Literal[2, 3]
    request: str
    current: str | None = None
    proof: str | None = None
    algorithm: str | None = None


class BlockAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_BLOCK.value, kw_only=True):
    """Block the card for good, by its holder or an administrator. `wanted`: when, RFC 3339, by the station's clock.
    `in_portal`: an administrator has blocked it in the issuer's portal, and says so; else it is left out, so that the digest of
    an ask is the same for every program."""

    card_number: str
    reason: BlockReason
    wanted: str
    in_portal: Literal[True] | msgspec.UnsetType = msgspec.UNSET


class HoldAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_HOLD.value, kw_only=True):
    """Put the card on hold. Without a proof nobody has shown who they are: that is limited. `note_only`: beyond the station's
    limit, so that it is declined (`over_limit`) and stands on the worklist; else it is left out, as `in_portal` is."""

    card_number: str
    reason: HoldReason
    wanted: str
    note_only: Literal[True] | msgspec.UnsetType = msgspec.UNSET


class LiftAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_LIFT.value, kw_only=True):
    """End a hold: the card goes back to the state that it was held from."""

    card_number: str


class BindAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_BIND.value, kw_only=True):
    """Make a reserve card that lies at this station, and is nobody's, that person's for good: by two administrators."""

    card_number: str
    hsa_id: str


class ChallengeAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_CHALLENGE.value, kw_only=True):
    """Encipher a card's challenge (hex) under its own key, which stays at the server.

    `key` is `management` (PIV writes), by the holder or who attends, or `unblock`, by an administrator who is not the holder.
    `algorithm`: which the card expects; null where the server's own record of the card says it. `serial`: the serial number that
    the card tells, as hex, so that no answer is made with another card's key; empty where it tells none.
    """

    card_number: str
    key: Literal["management", "unblock"]
    challenge: str
    algorithm: Literal["3DES", "AES-128", "AES-192", "AES-256"] | None = None
    serial: str = ""


class CardProofAsk(
    PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_AUTHENTICATE.value, kw_only=True
):
    """Mutual authentication of a card whose order waits at that station, by its own management key (SP 800-73-4 part 2, appendix
    A.1). `witness`: what the card gave; `challenge`: what it is to encipher; both hex, one block. Never by a key that cards
    share.
    """

    card_number: str
    algorithm: Literal["3DES", "AES-128", "AES-192", "AES-256"]
    witness: str
    challenge: str


class PukAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_PUK.value, kw_only=True):
    """Release the PUK of this card, once, sealed by the issuer to `reply_key` (raw X25519) with `puk_info`: by an administrator
    who is not the holder, and whose wish covers the key."""

    card_number: str
    reply_key: str


class LetterAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_LETTER.value, kw_only=True):
    """Order a new code letter. Without a proof: to the registered address, once in 30 days a card."""

    card_number: str


class ReceivedAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_RECEIVED.value, kw_only=True):
    """The hand-over of the card of an order, by whoever attested it, or by the holder's own card. `handed_over`: when, RFC 3339.

    `receipt` and `digest`: its number, and SHA-256 of the signed document (hex); empty where the holder signs later. `document`
    and `document_digits`: what the attester has seen, as `identity.attested` has it."""

    card_number: str
    order: str
    handed_over: str
    receipt: str = ""
    digest: str = ""
    document: str = ""
    document_digits: str = ""


class StockMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The card of an order that was put into that slot, was taken out of it, or was not there. `at`: RFC 3339."""

    order: str
    slot: int
    what: Literal["stored", "taken_out", "missing"]
    at: str


class StockAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.STOCK_MOVED.value, kw_only=True):
    """Moves that an administrator made at the slots of that station in one errand, as its events say, oldest first."""

    moves: tuple[StockMove, ...]


class BinAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.BIN_EMPTIED.value, kw_only=True):
    """The bin of that station was emptied, by two administrators. `digest`: SHA-256 (hex) of the statement that both signed."""

    emptied: str
    seal: str
    digest: str


class CardStateAsk(IdentifiedAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.CARD_STATE.value, kw_only=True):
    """The state of the card of that number, without whose it is, and a nonce for a mandate. Nobody has proved anything.

    `hsa_id`: as it stands for that one of its holder's HSA-ids, where the card names several; else left out."""

    card_number: str
    hsa_id: str | msgspec.UnsetType = msgspec.UNSET


class LoginAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.ADMINISTRATOR_LOGIN.value, kw_only=True):
    """Question whether the one person whose proof it carries is an administrator here."""


class WorklistAsk(
    PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.ADMINISTRATOR_WORKLIST.value, kw_only=True
):
    """Request of one administrator for the worklist of this station. `take`: the id of a row that they take."""

    take: str = ""


class DirectoryAsk(PersonAsk, frozen=True, forbid_unknown_fields=True, tag=AskName.DIRECTORY_FIND.value, kw_only=True):
    """A person with all cards, or the card of that number with its holder: by that holder, by an administrator, or for a card
    with an open order at that station. One of the two is empty."""

    hsa_id: str = ""
    card_number: str = ""


IssuerAsk = (
    CertificateAsk
    | BlockAsk
    | HoldAsk
    | LiftAsk
    | BindAsk
    | ChallengeAsk
    | CardProofAsk
    | PukAsk
    | LetterAsk
    | CardStateAsk
    | LoginAsk
    | WorklistAsk
    | DirectoryAsk
    | ReceivedAsk
    | StockAsk
    | BinAsk
)


Holder = Literal["here", "left", "unknown"]
"""Whether the directory knows the holder of a card, and whether their last assignment has ended and no other follows."""


class _Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="outcome"):
    """Result of a question. The tag is the outcome."""


class DeclinedResult(_Result, frozen=True, tag="declined"):
    """It will not be done. `reason` is a code of docs/messages.md."""

    reason: str


class IssuedResult(_Result, frozen=True, tag="issued"):
    """`chain`: DER, the new certificate first."""

    chain: tuple[str, ...]


class BlockedResult(_Result, frozen=True, tag="blocked"):
    """Revoked at the issuer since `at` (RFC 3339)."""

    at: str


class HeldResult(_Result, frozen=True, tag="held"):
    """On hold; `from_state` is where it goes back to."""

    from_state: CardState


class MarkedResult(_Result, frozen=True, tag="marked"):
    """The issuer's system has no hold: the card is marked here, obeyed by the fleet's stations, and somebody has to block it."""


class LiftedResult(_Result, frozen=True, tag="lifted"):
    """The hold has ended: the card is back in `state`."""

    state: CardState


class BoundResult(_Result, frozen=True, tag="bound"):
    """The card is that person's, and is handed over by this order: another card than was asked for, where one was bound to them
    here before and not taken yet."""

    order: str
    card_number: str
    slot: int


class AnsweredResult(_Result, frozen=True, tag="answered"):
    response: str


class CardProof(_Result, frozen=True, tag="card_proof"):
    """The witness deciphered (hex), and SHA-256 over the challenge enciphered: what the card's answer must have."""

    witness: str
    digest: str


class ReleasedResult(_Result, frozen=True, tag="released"):
    """The PUK, sealed to the asker's key."""

    sealed: str


class InPortalResult(_Result, frozen=True, tag="in_portal"):
    """The issuer's portal is for people: the administrator who attends fetches it there, by hand; or, of a certificate,
    its request waits on the worklist for somebody who does."""


class BelievedResult(_Result, frozen=True, tag="believed"):
    """Result where those who did it have proved who they are: it counts."""


class LetterOrderedResult(_Result, frozen=True, tag="ordered"):
    """`arrives`: the day by which it is there, ISO 8601."""

    arrives: str
    where: Literal["home", "office"]


class LetterNotedResult(_Result, frozen=True, tag="noted"):
    """The issuer's portal is for people: somebody orders the letter there, and it stands on the worklist until they have."""


class CardStatus(_Result, frozen=True, tag="card_state"):
    """A card as the register knows it, without whose it is. `protected`: no name of the card is to be shown; `nonce`: 32 hex
    digits, the server's, valid for 15 minutes and bound to the first mandate that shows it."""

    nonce: str
    state: CardState
    product: str
    loa: Literal[2, 3]
    holder: Holder
    reserve: bool = False
    protected: bool = False
    held_from: CardState | None = None
    hold_reason: HoldReason | None = None
    activate_by: str | None = None
    offers: tuple[Offer, ...] = ()


class LoggedInResult(_Result, frozen=True, tag="logged_in"):
    """An administrator, as the list has them."""

    hsa_id: str
    name: str
    roles: tuple[AdministratorRole, ...] = ()


class WorklistLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A row of the worklist, without a name. `card`: the last eight digits; `due`: RFC 3339; `taken`: by whoever asks, or by
    somebody else."""

    id: str
    kind: str
    due: str
    card: str = ""
    taken: Literal["", "you", "other"] = ""


class WorklistResult(_Result, frozen=True, tag="worklist"):
    """The rows that wait at that station, the shortest time first; `total` where there are more."""

    lines: tuple[WorklistLine, ...] = ()
    total: int = 0


class FoundResult(_Result, frozen=True, tag="found"):
    """`person` is None for a card whose holder is not in the directory any more."""

    person: DirectoryPerson | None
    cards: tuple[CardRecord, ...] = ()
    offers: tuple[Offer, ...] = ()


class NotFoundResult(_Result, frozen=True, tag="not_found"):
    """Neither directory nor register knows it."""


Result = (
    DeclinedResult
    | IssuedResult
    | BlockedResult
    | HeldResult
    | MarkedResult
    | LiftedResult
    | BoundResult
    | AnsweredResult
    | CardProof
    | ReleasedResult
    | InPortalResult
    | BelievedResult
    | LetterOrderedResult
    | LetterNotedResult
    | CardStatus
    | LoggedInResult
    | WorklistResult
    | FoundResult
    | NotFoundResult
)


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a signed answer: for which station, to which question, and what came of it."""

    station: str
    id: str
    issued: str
    result: Result


SYNC_TYP = "kortkiosk.sync+jws"
ORDER_TYP = "kortkiosk.order.find+jws"
REGION_TYP = "kortkiosk.region+jws"


def typ_of(ask: IssuerAsk) -> str:
    """The `typ` of the signed answer to that question (RFC 7515 4.1.9)."""
    return f"kortkiosk.{tag_of(ask)}+jws"


def tag_of(ask: Any) -> str:
    """The question's name, such as `card.block`."""
    return str(ask.__struct_config__.tag)


def ask_digest(ask: PersonAsk) -> str:
    """SHA-256 of the ask without its proofs, hex: what a visit's key signs (`mandates.wish_bytes`)."""
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(ask, proofs=()))).hexdigest()


def puk_info(station: str, card_number: str, id_: str) -> bytes:
    """Return the HPKE `info` that a released PUK is bound to."""
    return msgspec.json.encode(["kortkiosk-puk-v1", station, card_number, id_])
