"""Proofs of people in an ask: whatever the bytes are, they are a proof, or the one named error.

The first byte says which part the rest replaces, of a proof that holds otherwise: mandate, certificate, signature or wish.

>>> read_a_proof(b"\\0[]")
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.messages.asking import BlockAsk, ask_digest
from fleet.messages.mandates import Mandate, Proof, mandate_bytes, wish_bytes
from fleet.server.issuers.proofs.verification import NotProvenError, read_proof

PARTS = ("mandate", "certificate", "signature", "wish")
STATION = "entre-a"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASK = BlockAsk(id="0" * 32, card_number="9999", reason="lost", wanted="2026-01-01T00:00:00Z")


def read_a_proof(data: bytes) -> None:
    part = PARTS[data[0] % len(PARTS)] if data else PARTS[0]
    changed = msgspec.structs.replace(true_proof(), **{part: base64.b64encode(data[1:]).decode()})
    with suppress(NotProvenError):
        read_proof(STATION, ASK, changed, lambda leaf: (leaf,))


@cache
def true_proof() -> Proof:
    """The same keys in every process. They guard nothing."""
    card, visit = ec.derive_private_key(9, ec.SECP256R1()), Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "TEST000000-0001")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(card.public_key())
    timed = built.serial_number(9).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    certificate = timed.add_extension(_usage(), critical=True).sign(card, hashes.SHA256())
    public = visit.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    mandate = mandate_bytes(
        Mandate(STATION, "0" * 32, "2026-01-01T00:00:00Z", "9999", _text(public), ("card.block 9999",))
    )
    return Proof(
        mandate=_text(mandate), certificate=_text(certificate.public_bytes(Encoding.DER)),
        signature=_text(card.sign(mandate, ec.ECDSA(hashes.SHA256()))), algorithm="ES256",
        wish=_text(visit.sign(wish_bytes(STATION, ask_digest(ASK)))),
    )  # fmt: skip


def proof_seeds() -> Iterator[tuple[str, bytes]]:
    """Each part as it is."""
    for number, part in enumerate(PARTS):
        yield part, bytes((number,)) + base64.b64decode(getattr(true_proof(), part))


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
