"""Receipts that a station really signed, for events that tests make: nobody's card is on them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk.receipts import ReceiptFacts, ReceiptPerson, draft_receipt, finish_receipt

AT = datetime(2026, 6, 1, 9, 59, tzinfo=UTC)


@cache
def own_key(station: str) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """Key and certificate (DER) of a station, for as long as the process lives."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(AT - timedelta(days=1)).not_valid_after(AT + timedelta(days=3650))
    return key, made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@cache
def _document(station: str, number: str, order: str, card_number: str) -> bytes:
    facts = ReceiptFacts(
        "pickup", AT, station, "Made up", order or None, card_number, ReceiptPerson("TEST000000-0001", None), "old_card",
        None, None, "2026-1",
    )  # fmt: skip
    key, certificate = own_key(station)
    return finish_receipt(draft_receipt(facts, number), key, (certificate,), None).document


def signed_receipt(station: str, number: str, order: str = "", card_number: str = "") -> dict[str, Any]:
    """As `receipt.issued` has it."""
    document: dict[str, Any] = msgspec.json.decode(_document(station, number, order, card_number))
    return document
