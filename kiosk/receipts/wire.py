"""Canonical serialization of receipts: bytes in one exact form; whatever is read must be what would be written.

That rules out white space, other orders of keys, doubled keys, unknown keys, spare bits of base64 and anything after
the end, none of which a signature alone covers. JWS: RFC 7515 section 7.2.1; base64url: section 2; `x5c`: 4.1.6;
`x5t#S256`: 4.1.8.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from kiosk.receipts.facts import IdentifiedBy, ReceiptDetail, ReceiptError, ReceiptPerson, Signed

TYPE = "kortkiosk-receipt"
"""`typ` of each protected header: what is signed is a receipt and nothing else."""
QR_PREFIX = "KK1"
FRAGMENT = "#"
"""Between the address that a phone opens and the statement (RFC 3986, 3.5): what follows is sent to nobody."""
MAX_BYTES = 128 * 1024

Algorithm = Literal["ES256", "ES384", "RS256"]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]
T = TypeVar("T")


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of `signatures`: nothing is left unprotected."""

    protected: str
    signature: str


class ReceiptDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: str
    signatures: tuple[Signature, ...]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A protected header. `kid` is the station's name; a card has none.

    Who signed is in `x5c`, or, for a card whose certificate would name a protected holder, in its thumbprint alone.
    """

    alg: Algorithm
    typ: str
    x5c: tuple[str, ...] = ()
    kid: str | None = None
    thumbprint: str | None = msgspec.field(name="x5t#S256", default=None)
    card: str | None = None
    """In the station's header: base64url of the SHA-256 over the card's signature with its header, if a card signed."""


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The signed content: the facts, the number, and who was to sign."""

    number: str
    kind: str
    time: Aware
    station: str
    place: str
    order: str | None
    card_number: str
    holder: ReceiptPerson
    identified_by: IdentifiedBy
    administrator: ReceiptPerson | None
    document_kind: str | None
    terms: str
    signed: Signed
    remarks: tuple[str, ...] = ()
    details: tuple[ReceiptDetail, ...] = ()


class Compact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The statement in the QR code: number, kind, time, station, card's tail, hash."""

    n: str
    k: str
    t: Aware
    s: str
    c: str
    h: str


def encode(value: msgspec.Struct | dict[str, Any]) -> bytes:
    """The one JSON form, UTF-8."""
    return msgspec.json.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """Raises ReceiptError unless `data` is exactly what `encode` would write."""
    if len(data) > MAX_BYTES:
        raise ReceiptError("it is too long for a receipt")
    try:
        value = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ReceiptError("it is not written as a receipt is") from None
    if msgspec.json.encode(value) != data:
        raise ReceiptError("it is not written exactly as a receipt is")
    return value


def digest_of(signature: Signature) -> str:
    """Return the digest of the card's signature for the station's header: base64url of the SHA-256 over its one JSON
    form."""
    return b64url(hashlib.sha256(encode(signature)).digest())


def thumbprint(certificate: bytes) -> str:
    """Of a certificate in DER, as `x5t#S256` holds it."""
    return b64url(hashlib.sha256(certificate).digest())


def b64url(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_b64url(text: str) -> bytes:
    """Raises ReceiptError unless `text` is exactly what `b64url` would write."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if b64url(data) != text:
        raise ReceiptError("a part of it is no base64url")
    return data


def b64(data: bytes) -> str:
    """Base64 as `x5c` wants it."""
    return base64.b64encode(data).decode("ascii")


def from_b64(text: str) -> bytes:
    """Raises ReceiptError unless `text` is base64 as `x5c` wants it."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if b64(data) != text:
        raise ReceiptError("a certificate in it is no base64")
    return data
