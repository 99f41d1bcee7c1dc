"""A fleet with its authority and two stations, and a card with its issuer: real keys, real certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from kiosk.receipts import (
    CardSignature,
    Draft,
    Receipt,
    ReceiptFacts,
    ReceiptPerson,
    ReceiptTrust,
    draft_receipt,
    finish_receipt,
)

NOW = datetime(2026, 11, 25, 9, 46, 12, tzinfo=UTC)
HSA_ID = "SE2321000999-7K2B"
NUMBER = "7F3A-91C2-K8M4A"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Holder:
    """One who has a key and a certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def certified(
    name: str, issuer: Holder | None, key: Key | None = None, *, hsa_id: str = "", days: int = 100, serial: int = 0
) -> Holder:
    """A certificate for `name`; an authority where nobody issues it."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if hsa_id:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, hsa_id))
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return Holder(key, builder.sign(issuer.key if issuer else key, hashes.SHA256()))


def card_signs(card: Holder, message: bytes) -> CardSignature:
    """What a card would answer."""
    if isinstance(card.key, rsa.RSAPrivateKey):
        made = card.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return CardSignature(made, "RS256", card.der)
    digest, name = (hashes.SHA384(), "ES384") if card.key.key_size == 384 else (hashes.SHA256(), "ES256")
    return CardSignature(card.key.sign(message, ec.ECDSA(digest)), name, card.der)


@dataclass(frozen=True)
class World:
    authority: Holder
    station: Holder
    other_station: Holder
    card_root: Holder
    cards: dict[str, Holder]

    @property
    def trust(self) -> ReceiptTrust:
        return ReceiptTrust(
            authorities=(self.authority.certificate,),
            stations=(self.station.certificate, self.other_station.certificate),
            card_anchors=(self.card_root.certificate,),
        )

    def facts(self, **changed: object) -> ReceiptFacts:
        values: dict[str, object] = {
            "kind": "pickup",
            "time": NOW,
            "station": "east-1",
            "place": "Östra entrén",
            "order": "A-17",
            "card_number": "9752269050826134",
            "holder": ReceiptPerson(HSA_ID, "Åsa Lindström"),
            "identified_by": "administrator",
            "administrator": ReceiptPerson("SE2321000999-ADM1", "Örjan Nyström"),
            "document_kind": "passport",
            "terms": "2026-1",
        }
        return ReceiptFacts(**(values | changed))  # type: ignore[arg-type]

    def finish(
        self, unsigned: Draft, card: CardSignature | None, by: Holder | None = None, public_url: str = ""
    ) -> Receipt:
        by = by or self.station
        assert isinstance(by.key, ec.EllipticCurvePrivateKey)
        return finish_receipt(unsigned, by.key, (by.der, self.authority.der), card, public_url)

    def receipt(self, card: Literal["RS256", "ES256", "ES384"] | None = "ES256", **changed: object) -> Receipt:
        unsigned = draft_receipt(self.facts(**changed), NUMBER)
        if card is None:
            return self.finish(unsigned, None)
        holder = self.cards[card]
        return self.finish(unsigned, card_signs(holder, unsigned.signing_input(holder.der)))


@pytest.fixture(scope="session")
def world() -> World:
    authority = certified("fleet authority", None)
    root = certified("card root", None)
    keys: dict[str, Key] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
    }
    return World(
        authority,
        certified("east-1", authority),
        certified("west-2", authority),
        root,
        {name: certified("Åsa Lindström", root, key, hsa_id=HSA_ID) for name, key in keys.items()},
    )


@pytest.fixture(scope="session")
def certify() -> Callable[..., Holder]:
    return certified


@pytest.fixture(scope="session")
def sign_as_card() -> Callable[[Holder, bytes], CardSignature]:
    return card_signs
