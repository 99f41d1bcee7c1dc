"""Mandate: the statement that a person's card signs, and the proofs of possession that asks carry. Pure.

Rules (docs/decisions, 0040): the exact bytes count, so a mandate travels as the bytes that were signed; `means` is a list of
`TAG SUBJECT`, where the subject is the number of the card that it is about, or the signer's HSA-id for what only reads; a wish is
signed by the visit's key over the digest of the whole ask without its proofs.

>>> mandate = Mandate("entre-a", "0" * 32, "2026-03-02T08:00:00Z", "9999", "AAAA", ("card.block 9999",))
>>> parse_mandate(mandate_bytes(mandate)) == mandate
True
>>> mandate.allows("card.block", "9999"), mandate.allows("card.lift", "9999")
(True, False)
"""

from collections.abc import Collection
from typing import Literal

import msgspec

from fleet.messages.vocabulary import AskName

MANDATE = "kortkiosk-mandate-v1"
WISH = "kortkiosk-wish-v1"
MOST_BYTES = 2048
MOST_MEANS = 24
READS: Collection[str] = frozenset(
    {AskName.ADMINISTRATOR_LOGIN, AskName.ADMINISTRATOR_WORKLIST, AskName.DIRECTORY_FIND}
)
"""Asks without an effect, in the name of who signed: about the signer, and a nonce is not used up by them."""
ABOUT_SIGNER: Collection[str] = frozenset({*READS, AskName.STOCK_MOVED, AskName.BIN_EMPTIED})
"""Asks about what the signer does themselves, and no card: their subject is the signer's HSA-id."""
STATIONS_OWN: Collection[str] = frozenset(
    {AskName.CARD_BLOCK, AskName.CARD_HOLD, AskName.CARD_RECEIVED, AskName.STOCK_MOVED, AskName.BIN_EMPTIED}
)
"""All that a nonce of the station's own serves: to put away the card that signed, and to attest what was done there."""


Algorithm = Literal["RS256", "PS256", "ES256", "ES384"]
"""JOSE names of how a card signs."""


class MandateError(ValueError):
    """Bytes that are no mandate. The text says what is wrong, and nothing of the content."""


class Mandate(msgspec.Struct, frozen=True):
    """`nonce`: 32 hex digits, the server's or our own; `made`: RFC 3339; `visit_key`: raw Ed25519 public key, base64."""

    station: str
    nonce: str
    made: str
    card_number: str
    visit_key: str
    means: tuple[str, ...]

    def allows(self, tag: str, subject: str) -> bool:
        """Return whether the person meant that ask, about that very subject."""
        return means_of(tag, subject) in self.means


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person behind an ask, in base64: the mandate's bytes, the card's certificate (DER) and its signature over them, and
    the visit key's signature over `wish_bytes`. `algorithm` is a JOSE name."""

    mandate: str
    certificate: str
    signature: str
    algorithm: Algorithm
    wish: str


_Wire = tuple[str, str, str, str, str, str, tuple[str, ...]]


def mandate_bytes(mandate: Mandate) -> bytes:
    return msgspec.json.encode([MANDATE, *msgspec.structs.astuple(mandate)])


def parse_mandate(raw: bytes) -> Mandate:
    """Read what a card has signed. Raises MandateError."""
    if len(raw) > MOST_BYTES:
        raise MandateError("a mandate that is too long")
    try:
        kind, *fields = msgspec.json.decode(raw, type=_Wire)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MandateError("not a mandate") from None
    mandate = Mandate(*fields)
    if kind != MANDATE or len(mandate.means) > MOST_MEANS:
        raise MandateError("a mandate of another kind")
    return mandate


def means_of(tag: str, subject: str) -> str:
    """One thing that is meant: the name of an ask, and about whom or what."""
    return f"{tag} {subject}"


def wish_bytes(station: str, digest: str) -> bytes:
    """Return the bytes that a visit's key signs: `digest` is `asking.ask_digest`."""
    return msgspec.json.encode([WISH, station, digest])
