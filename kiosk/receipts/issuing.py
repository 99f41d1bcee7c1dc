"""Receipt issuing in two steps: drafted, so that the holder's card can sign it, then finished under the station's key.

>>> from datetime import UTC, datetime
>>> facts = ReceiptFacts("pickup", datetime(2026, 11, 25, 9, 46, tzinfo=UTC), "east-1", "Östra entrén", "A-17",
...     "9752269050826134", ReceiptPerson("SE2321000999-7K2B", "Åsa Lindström"), "old_card", None, None, "2026-1")
>>> draft_receipt(facts, "7F3A-91C2-K8M4A").number
'7F3A-91C2-K8M4A'
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from kiosk.receipts import signatures, wire
from kiosk.receipts.facts import ReceiptError, ReceiptFacts, ReceiptPerson, ReceiptStatement, Signed
from kiosk.receipts.numbers import new_number

__all__ = [
    "CardSignature",
    "Draft",
    "Receipt",
    "ReceiptPerson",
    "document_bytes",
    "draft_receipt",
    "finish_receipt",
    "read_receipt",
]

QR_LIMIT_BYTES = 500
TAIL_DIGITS = 8


@dataclass(frozen=True, slots=True)
class CardSignature:
    """The card's signature over `Draft.signing_input`: DER (r, s) for ECDSA, PKCS#1 v1.5 for RSA."""

    signature: bytes
    algorithm: str
    """JOSE name: RS256, ES256 or ES384."""
    certificate: bytes
    """DER of the certificate whose key signed: the one that the signing input was made for."""
    issuers: tuple[bytes, ...] = ()
    """DER of the authorities above it, where the signing input named them."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A signed receipt. `document` are its exact bytes: what is kept, sent and hashed."""

    facts: ReceiptFacts
    number: str
    signed: Signed
    document: bytes
    qr: str

    @property
    def statement(self) -> str:
        """Text of its QR code, without an address before it."""
        return self.qr.rpartition(wire.FRAGMENT)[2]


@dataclass(frozen=True, slots=True)
class Draft:
    """A receipt that nobody has signed. It becomes `card` or `attested` by how it is finished."""

    facts: ReceiptFacts
    number: str

    def signing_input(self, certificate: bytes, issuers: tuple[bytes, ...] = ()) -> bytes:
        """Return what the holder's card hashes and signs (RFC 7515 section 5.1), under its certificate (DER).

        The algorithm follows from the certificate's key. A protected holder's certificate is not in it, only its
        thumbprint. Raises ReceiptError for a key that does not sign receipts.
        """
        return f"{_card_header(self.facts, certificate, issuers)}.{self.payload('card')}".encode("ascii")

    def payload(self, signed: Signed) -> str:
        """The JWS payload, base64url."""
        values: dict[str, Any] = {field.name: getattr(self.facts, field.name) for field in fields(self.facts)}
        return wire.b64url(wire.encode(wire.Payload(number=self.number, signed=signed, **values)))

    @classmethod
    def of(cls, payload: wire.Payload) -> Self:
        """The draft that a payload was made from."""
        values: dict[str, Any] = {field.name: getattr(payload, field.name) for field in fields(ReceiptFacts)}
        return cls(ReceiptFacts(**values), payload.number)


def draft_receipt(facts: ReceiptFacts, number: str | None = None) -> Draft:
    """Begin a receipt, with a new number unless one is given. Raises ReceiptError for a time without zone."""
    if facts.time.tzinfo is None:
        raise ReceiptError("the time of a receipt has a zone")
    time = facts.time.astimezone(UTC).replace(microsecond=0)
    return Draft(replace(facts, time=time), number or new_number())


def finish_receipt(
    unsigned: Draft, station_key: EllipticCurvePrivateKey, station_chain: Sequence[bytes], card: CardSignature | None,
    public_url: str = "",
) -> Receipt:  # fmt: skip
    """Sign as the station, with `station_chain` in DER, leaf first; `card` is the holder's signature, None if attested. The QR
    code is the statement, or `public_url` with it as fragment, which a phone opens.

    Raises ReceiptError where the card's signature is not one over this draft, the station's key does not fit its
    certificate or is not on P-256, or the statement is too long for a QR code.
    """
    signed: Signed = "attested" if card is None else "card"
    payload = unsigned.payload(signed)
    by_card = () if card is None else (_card_signature(unsigned.facts, payload, card),)
    by_station = _station_signature(unsigned.facts.station, payload, by_card, station_key, station_chain)
    document = wire.encode(wire.ReceiptDocument(payload, (by_station, *by_card)))
    qr = _qr(statement_of(unsigned, document), station_key, public_url)
    return Receipt(unsigned.facts, unsigned.number, signed, document, qr)


def read_receipt(document: bytes, qr: str) -> Receipt:
    """A receipt that was kept. Checks its form, no signature (`verify` does). Raises ReceiptError."""
    payload = wire.decode(wire.from_b64url(wire.decode(document, wire.ReceiptDocument).payload), wire.Payload)
    made = Draft.of(payload)
    return Receipt(made.facts, made.number, payload.signed, document, qr)


def document_bytes(parsed: Mapping[str, Any]) -> bytes:
    """The exact document again, from what a JSON parser made of it. Raises ReceiptError where it is no receipt."""
    try:
        return wire.encode(msgspec.convert(parsed, wire.ReceiptDocument))
    except msgspec.ValidationError:
        raise ReceiptError("it is not a receipt") from None


def statement_of(made: Draft, document: bytes) -> ReceiptStatement:
    """The compact statement of a receipt."""
    facts = made.facts
    tail = facts.card_number[-TAIL_DIGITS:]
    return ReceiptStatement(made.number, facts.kind, facts.time, facts.station, tail, hashlib.sha256(document).digest())


def _qr(statement: ReceiptStatement, key: EllipticCurvePrivateKey, public_url: str) -> str:
    compact = wire.Compact(
        statement.number,
        statement.kind,
        statement.time,
        statement.station,
        statement.card_tail,
        wire.b64url(statement.digest),
    )
    head = f"{wire.QR_PREFIX}.{wire.b64url(wire.encode(compact))}"
    text = f"{head}.{wire.b64url(signatures.sign(key, head.encode('ascii')))}"
    text = f"{public_url}{wire.FRAGMENT}{text}" if public_url else text
    if len(text) >= QR_LIMIT_BYTES:
        raise ReceiptError("the names on the receipt are too long for its QR code")
    return text


def _station_signature(
    station: str,
    payload: str,
    by_card: tuple[wire.Signature, ...],
    key: EllipticCurvePrivateKey,
    chain: Sequence[bytes],
) -> wire.Signature:
    covered = wire.digest_of(by_card[0]) if by_card else None
    header = wire.Header("ES256", wire.TYPE, tuple(map(wire.b64, chain)), station, card=covered)
    protected = wire.b64url(wire.encode(header))
    signature = wire.b64url(signatures.sign(key, f"{protected}.{payload}".encode("ascii")))
    if not signatures.is_good_jws(payload, protected, signature, signatures.read_certificate(chain[0])):
        raise ReceiptError("the station's key does not fit its certificate")
    return wire.Signature(protected, signature)


def _card_header(facts: ReceiptFacts, certificate: bytes, issuers: tuple[bytes, ...]) -> str:
    algorithm = signatures.algorithm_of(signatures.read_certificate(certificate))
    if facts.holder.name is None:
        header = wire.Header(algorithm, wire.TYPE, thumbprint=wire.thumbprint(certificate))
    else:
        header = wire.Header(algorithm, wire.TYPE, tuple(map(wire.b64, (certificate, *issuers))))
    return wire.b64url(wire.encode(header))


def _card_signature(facts: ReceiptFacts, payload: str, card: CardSignature) -> wire.Signature:
    certificate = signatures.read_certificate(card.certificate)
    algorithm = signatures.algorithm_of(certificate)
    protected = _card_header(facts, card.certificate, card.issuers)
    signature = wire.b64url(signatures.jws_signature(card.signature, algorithm))
    fits = algorithm == card.algorithm and signatures.is_good_jws(payload, protected, signature, certificate)
    if not fits:
        raise ReceiptError("the card's signature is not one over this receipt")
    return wire.Signature(protected, signature)
