"""Mandate: the statement that a person's card signs, and the proofs of possession that asks carry. Pure.

Rules (docs/decisions/0040): the exact bytes count, so a mandate travels as the bytes that were signed; `means` is a list of
`TAG SUBJECT`, where the subject is a card number, an HSA-id or `*`; a wish is signed by the visit's key over the digest of the
whole ask without its proofs.

>>> mandate = Mandate("entre-a", "0" * 32, "2026-03-02T08:00:00Z", "9999", "AAAA", ("card.block 9999",))
>>> parse_mandate(mandate_bytes(mandate)) == mandate
True
>>> mandate.allows("card.block", "9999"), mandate.allows("card.lift", "9999")
(True, False)
"""

from typing import Literal

import msgspec

MANDATE = "kortkiosk-mandate-v1"
WISH = "kortkiosk-wish-v1"
MOST_BYTES = 2048
MOST_MEANS = 24
ANY = "*"
"""A subject that is not known yet: an administrator's card is out of the reader before the holder's is in."""


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

    def allows(self, tag: str, *subjects: str) -> bool:
        """Whether the person meant that ask, about one of these subjects or any."""
        return any(means_of(tag, subject) in self.means for subject in (*subjects, ANY))


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


def means_of(tag: str, subject: str = ANY) -> str:
    """One thing that is meant: the name of an ask, and about whom or what."""
    return f"{tag} {subject}"


def wish_bytes(station: str, digest: str) -> bytes:
    """What a visit's key signs: `digest` is `asking.ask_digest`."""
    return msgspec.json.encode([WISH, station, digest])
