"""Made-up people's cards: an authority of the simulator's kind, a card whose key is at hand, and what it signs: mandates and
proofs (docs/messages.md)."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.attacks.running.wire import b64, compact, now_text

POLICIES = {3: "1.2.752.74.5.3", 2: "1.2.752.74.5.2"}
CARD_NUMBER_OID = x509.ObjectIdentifier("1.2.752.34.2.1")
DAY = timedelta(days=1)


class CardAuthority:
    """Root and two issuers in a folder, as the simulator keeps them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.made = datetime.now(UTC) - 400 * DAY
        root = ec.generate_private_key(ec.SECP256R1())
        self._name = self._subject("TEST attacks root")
        self._write(folder, "root", root, self._authority(self._name, root, root.public_key(), 1))
        self._issuers = {}
        for level in POLICIES:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._authority(self._subject(f"TEST attacks loa{level}"), root, key.public_key(), 0)
            self._write(folder, f"issuer-loa{level}", key, certificate)
            self._issuers[level] = key, certificate

    def issue(
        self, hsa_id: str, number: str, public: Any, *, level: int = 3, days: int = 1800, signs_contents: bool = False
    ) -> x509.Certificate:
        """A certificate for identification, or for signatures alone; `days` from 400 days ago."""
        key, issuer = self._issuers[level]
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, hsa_id), x509.NameAttribute(NameOID.SERIAL_NUMBER, hsa_id)]
        )
        policy = x509.PolicyInformation(x509.ObjectIdentifier(POLICIES[level]), None)
        return (
            self._builder(subject, issuer.subject, public, days)
            .add_extension(_usage(signs=not signs_contents, contents=signs_contents), critical=True)
            .add_extension(x509.CertificatePolicies([policy]), critical=False)
            .add_extension(x509.UnrecognizedExtension(CARD_NUMBER_OID, _printable(number)), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )

    def _authority(self, name: x509.Name, above: Any, public: Any, length: int) -> x509.Certificate:
        builder = self._builder(name, self._name, public, 7000)
        return (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .sign(above, hashes.SHA256())
        )

    def _builder(self, name: x509.Name, issuer: x509.Name, public: Any, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.made)
            .not_valid_after(self.made + days * DAY)
        )

    @staticmethod
    def _subject(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    @staticmethod
    def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key.pem").write_bytes(pem)
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _usage(*, signs: bool, contents: bool = False) -> x509.KeyUsage:
    above = not signs and not contents
    return x509.KeyUsage(signs, contents, False, False, False, above, above, False, False)


def _printable(text: str) -> bytes:
    return bytes([0x13, len(text)]) + text.encode()


@dataclass(frozen=True)
class Card:
    """A card whose key is at hand. `shown`: the number that its mandates say, where that is not its own."""

    hsa_id: str
    number: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    shown: str = ""

    @classmethod
    def made(cls, authority: CardAuthority, hsa_id: str, number: str, **how: Any) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(hsa_id, number, key, authority.issue(hsa_id, number, key.public_key(), **how))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, message: bytes) -> bytes:
        """One signature with the PIN typed."""
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def mandate(self, station: str, nonce: str, means: Sequence[str], made: datetime | None = None) -> "Mandate":
        """What the card signs once: a visit that may do all of `means`."""
        visit = ed25519.Ed25519PrivateKey.generate()
        public = b64(visit.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        text = ["kortkiosk-mandate-v1", station, nonce, now_text(made), self.shown or self.number, public, list(means)]
        raw = compact(text)
        return Mandate(station, raw, self.der, self.sign(raw), visit)

    def at(self, number: str) -> "Card":
        """The same card, whose mandates lie about its number."""
        return replace(self, shown=number)


@dataclass(frozen=True)
class Mandate:
    """A signed mandate, and the key of its visit."""

    station: str
    raw: bytes
    certificate: bytes
    signature: bytes
    visit: ed25519.Ed25519PrivateKey = field(repr=False)

    def proof(self, ask: dict[str, Any], station: str = "") -> dict[str, str]:
        """The proof of this person for that ask: `proofs` of the ask must be empty yet."""
        digest = hashlib.sha256(compact({**ask, "proofs": []})).hexdigest()
        wish = self.visit.sign(compact(["kortkiosk-wish-v1", station or self.station, digest]))
        made = {"mandate": self.raw, "certificate": self.certificate, "signature": self.signature}
        return {**{name: b64(raw) for name, raw in made.items()}, "algorithm": "ES256", "wish": b64(wish)}


def own_nonce() -> str:
    return secrets.token_hex(16)


def certificate_request(key: ec.EllipticCurvePrivateKey, card: Card) -> bytes:
    """PKCS#10 in DER with the subject of the card's certificate, for whichever key."""
    number = x509.UnrecognizedExtension(CARD_NUMBER_OID, _printable(card.number))
    builder = x509.CertificateSigningRequestBuilder().subject_name(card.certificate.subject)
    return builder.add_extension(number, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def leaf_of(chain: Sequence[str]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(chain[0]))
