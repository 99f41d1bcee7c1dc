"""Receipts that a simulated station signs, under a certificate of its own making (docs/receipts.md): nobody's card is on them."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jws
from joserfc.jwk import ECKey

_MADE = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def _own(station: str) -> tuple[ECKey, str]:
    """Key, and certificate (DER in base64) of a station, for as long as the process lives."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, station)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(_MADE).not_valid_after(_MADE + timedelta(days=3650))
    der = made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    return ECKey.import_key(key), base64.b64encode(der).decode()


def signed_receipt(station: str, number: str, order: str, card_number: str) -> dict[str, Any]:
    """As `receipt.issued` has it: a general JWS (RFC 7515 7.2.1)."""
    key, certificate = _own(station)
    payload = {
        "number": number, "station": station, "card_number": card_number, "order": order, "signed": "attested",
        "holder": {"hsa_id": "SIM0000000-0001"},
    }  # fmt: skip
    header = {"alg": "ES256", "typ": "kortkiosk-receipt", "kid": station, "x5c": [certificate]}
    signed = jws.serialize_json([{"protected": header}], msgspec.json.encode(payload), key)
    return dict(signed)
