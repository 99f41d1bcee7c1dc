"""What a station asks of issuer and register through the server, and the signed words that answer it.

Each question has an `id` that the station made for one wish: asked again with the same id it is done once, and the same word
comes back. A word is a compact JWS (RFC 7515, ES256) whose header `typ` names the question (`typ_of`), with station and
`id` inside, so that no answer can stand in for another. Bytes are base64 where nothing else is said.

>>> typ_of(BlockAsk(id="0" * 32, card_number="9999", reason="lost", by="TEST000000-0001", wanted="2026-03-02T08:00:00Z"))
'kortkiosk.card.block+jws'
"""

from typing import Any, Literal

import msgspec

from fleet.messages.issuing import (
    AdministratorRole,
    BlockReason,
    CardRecord,
    CardState,
    HoldReason,
    Offer,
    Person,
    Profile,
)


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", kw_only=True):
    """What all of them have. `id`: 32 hex digits."""

    id: str


class CertificateAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="certificate.request", kw_only=True):
    """A certificate for the key of a PKCS#10 `request` (DER).

    `current`, `proof`, `algorithm`: for a renewal, the present certificate (DER) and its key's signature over the request.
    `administrators`: tokens of those who attend.
    """

    card_number: str
    hsa_id: str
    profile: Profile
    loa: Literal[2, 3]
    request: str
    current: str | None = None
    proof: str | None = None
    algorithm: str | None = None
    administrators: tuple[str, ...] = ()


class BlockAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.block", kw_only=True):
    """Block the card for good. `by`: HSA-id of who wants it; `wanted`: when, RFC 3339, by the station's clock."""

    card_number: str
    reason: BlockReason
    by: str
    wanted: str


class HoldAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.hold", kw_only=True):
    """Put the card on hold. `by` is empty where nobody has shown who they are."""

    card_number: str
    reason: HoldReason
    by: str
    wanted: str


class LiftAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.lift", kw_only=True):
    """End a hold: the card goes back to the state that it was held from."""

    card_number: str
    by: str


class ChallengeAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.challenge", kw_only=True):
    """Encipher a card's challenge (hex) under its own key, which stays at the server.

    `key` is `management` (PIV writes) or `unblock`; the second needs an administrator's token and names the holder.
    `algorithm`: which the card expects; null where the server's own record of the card says it.
    """

    card_number: str
    key: Literal["management", "unblock"]
    challenge: str
    hsa_id: str
    algorithm: Literal["3DES", "AES-128", "AES-192", "AES-256"] | None = None
    administrator: str | None = None


class PukAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.puk", kw_only=True):
    """Release the PUK of this card, once, sealed by the issuer to `reply_key` (raw X25519) with `puk_info`."""

    card_number: str
    hsa_id: str
    administrator: str
    reply_key: str


class LetterAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="card.letter", kw_only=True):
    """Order a new code letter."""

    card_number: str
    hsa_id: str


class NonceAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="administrator.nonce", kw_only=True):
    """A nonce for an administrator's card to sign, once, within two minutes."""


class LoginAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="administrator.login", kw_only=True):
    """The card's certificate (DER) and its signature over `login_input(station, nonce)`. `algorithm` is a JOSE name."""

    nonce: str
    certificate: str
    signature: str
    algorithm: Literal["RS256", "PS256", "ES256", "ES384"]


class DirectoryAsk(Asked, frozen=True, forbid_unknown_fields=True, tag="directory.find", kw_only=True):
    """A person with all cards, or the card of that number with its holder. One of the two is empty."""

    hsa_id: str = ""
    card_number: str = ""


IssuerAsk = (
    CertificateAsk
    | BlockAsk
    | HoldAsk
    | LiftAsk
    | ChallengeAsk
    | PukAsk
    | LetterAsk
    | NonceAsk
    | LoginAsk
    | DirectoryAsk
)


class _Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="outcome"):
    """What came of a question. The tag is the outcome."""


class Declined(_Result, frozen=True, tag="declined"):
    """It will not be done. `reason` is a code of docs/messages.md."""

    reason: str


class Issued(_Result, frozen=True, tag="issued"):
    """`chain`: DER, the new certificate first."""

    chain: tuple[str, ...]


class Blocked(_Result, frozen=True, tag="blocked"):
    """Revoked at the issuer since `at` (RFC 3339)."""

    at: str


class Held(_Result, frozen=True, tag="held"):
    """On hold; `from_state` is where it goes back to."""

    from_state: CardState


class Lifted(_Result, frozen=True, tag="lifted"):
    """Back in `state`."""

    state: CardState


class Answered(_Result, frozen=True, tag="answered"):
    """The enciphered challenge, hex."""

    response: str


class Released(_Result, frozen=True, tag="released"):
    """The PUK, sealed to the asker's key."""

    sealed: str


class LetterOrdered(_Result, frozen=True, tag="ordered"):
    """`arrives`: the day by which it is there, ISO 8601."""

    arrives: str
    where: Literal["home", "office"]


class Nonce(_Result, frozen=True, tag="nonce"):
    """32 hex digits."""

    nonce: str


class LoggedIn(_Result, frozen=True, tag="logged_in"):
    """`token`: shown again with what needs an administrator, at this station, for 15 minutes. `roles`: by the list."""

    hsa_id: str
    name: str
    token: str
    roles: tuple[AdministratorRole, ...] = ()


class Found(_Result, frozen=True, tag="found"):
    """`person` is None for a card whose holder is not in the directory any more."""

    person: Person | None
    cards: tuple[CardRecord, ...] = ()
    offers: tuple[Offer, ...] = ()


class NotFound(_Result, frozen=True, tag="not_found"):
    """Neither directory nor register knows it."""


Result = (
    Declined
    | Issued
    | Blocked
    | Held
    | Lifted
    | Answered
    | Released
    | LetterOrdered
    | Nonce
    | LoggedIn
    | Found
    | NotFound
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


def login_input(station: str, nonce: str) -> bytes:
    """What an administrator's card signs."""
    return msgspec.json.encode(["kortkiosk-login-v1", station, nonce])


def puk_info(station: str, card_number: str, id_: str) -> bytes:
    """What a released PUK is bound to (HPKE `info`)."""
    return msgspec.json.encode(["kortkiosk-puk-v1", station, card_number, id_])
