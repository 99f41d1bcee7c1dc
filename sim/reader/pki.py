"""A certificate authority for test cards: it looks like the real hierarchy and says TEST everywhere.

One root, an issuing authority for each level of assurance, one for certificates with a personal identity number, and an old
authority that nobody trusts any more. Everything that a reader may want to tell
certificates apart by is a constant here; the policy identifiers are made up for test cards and are what a
station's configuration for virtual cards names.

Rules: time is passed in; the keys are kept in a directory, mode 0600; nothing here is fit for real use.

>>> from datetime import UTC, datetime
>>> authority = TestAuthority.create(datetime(2026, 1, 1, tzinfo=UTC))
>>> len(authority.anchors()), len(authority.intermediates())
(1, 3)
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.reader.der import PRINTABLE_STRING, utf8
from sim.reader.persona import Persona

Loa = Literal[2, 3]
IssuerName = Literal["loa3", "loa2", "person-id", "old"]
KeyPurpose = Literal["identification", "signature", "encryption", "card"]
"""What a key is for; "card" is the card's own key, which answers without a code (PIV slot 9E)."""
CardPublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

LOA_POLICY_OIDS: dict[Loa, str] = {3: "1.2.752.74.5.3", 2: "1.2.752.74.5.2"}
"""certificatePolicies of test cards, by level of assurance. Made up."""
CARD_NUMBER_OID = x509.ObjectIdentifier("1.2.752.34.2.1")
"""Certificate extension with the card number as a PrintableString."""
CARD_AUTHENTICATION_OID = x509.ObjectIdentifier("2.16.840.1.101.3.6.8")
"""id-PIV-cardAuth (FIPS 201-2 appendix B)."""
SMARTCARD_LOGON_OID = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")
ORGANISATION = "Kortkiosk test"
ROOT_NAME = "TEST SITHS e-id Root CA v1"
ISSUER_NAMES: dict[IssuerName, str] = {
    "loa3": "TEST SITHS e-id Person HSA-id 3 CA v1",
    "loa2": "TEST SITHS e-id Person HSA-id 2 CA v1",
    "person-id": "TEST SITHS e-id Person ID 3 CA v1",
    "old": "TEST SITHS Type 1 CA v1",
}
OF_LOA: dict[Loa, IssuerName] = {3: "loa3", 2: "loa2"}
ROOT_DAYS = 7300
ISSUER_DAYS = 5475
BACKDATED = timedelta(days=1826)
"""So far before the authority's making its certificates begin: a card may have been issued years ago."""


def default_directory() -> Path:
    """Return where all virtual cards of this user find their one authority: $KORTKIOSK_TEST_AUTHORITY, or XDG data."""
    named = os.environ.get("KORTKIOSK_TEST_AUTHORITY")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "kortkiosk" / "test-authority"


@dataclass(frozen=True, slots=True)
class _Issuer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class TestAuthority:
    """A root and its issuing authorities, with their keys; the old one is below no root."""

    __test__ = False  # a test runner must not take it for a test

    def __init__(self, root: _Issuer, issuers: dict[IssuerName, _Issuer]) -> None:
        self._root = root
        self._issuers = issuers

    @classmethod
    def create(cls, now: datetime) -> Self:
        """Make all keys anew. `now` is aware; validity begins five years before it."""
        start = now - BACKDATED
        root_key = ec.generate_private_key(ec.SECP256R1())
        name = _name(ROOT_NAME)
        root = _authority(name, name, root_key.public_key(), root_key, start, ROOT_DAYS, path_length=1)
        made = _Issuer(root, root_key)
        return cls(made, {issuer: _make_issuer(issuer, made) for issuer in ISSUER_NAMES})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; issuers that an earlier version did not make are added to it. Raises OSError and ValueError
        (a damaged file)."""
        root = _read(directory, "root")
        issuers = {name: _read_issuer(directory, name, root) for name in ISSUER_NAMES}
        return cls(root, issuers)

    @classmethod
    def load_or_create(cls, directory: Path, now: datetime) -> Self:
        """The authority of that directory, made on first use; safe with several programs starting at once.

        Raises OSError and ValueError as `load` does.
        """
        if not directory.exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
            cls.create(now).save(draft)
            try:
                draft.rename(directory)
            except OSError:  # another program was first: its authority counts
                shutil.rmtree(draft)
        return cls.load(directory)

    def save(self, directory: Path) -> None:
        """Write keys (mode 0600) and certificates as PEM into `directory`, which is made where missing."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(directory, "root", self._root)
        for name, issuer in self._issuers.items():
            _write(directory, f"issuer-{name}", issuer)

    def anchors(self) -> list[x509.Certificate]:
        """The certificates to trust: the root."""
        return [self._root.certificate]

    def intermediates(self) -> list[x509.Certificate]:
        """The certificates of the issuing authorities below the root, LoA3 first."""
        return [issuer.certificate for name, issuer in self._issuers.items() if name != "old"]

    def signer(self, loa: Loa | None) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Certificate and key of the issuer of that level; None for the root. For lists and answers about revocation."""
        issuer = self._root if loa is None else self._issuers[OF_LOA[loa]]
        return issuer.certificate, issuer.key

    def issue(
        self, persona: Persona, public_key: CardPublicKey, purpose: KeyPurpose, now: datetime,
        by: IssuerName | None = None,
    ) -> x509.Certificate:  # fmt: skip
        """A certificate for one key of the persona's card, as if the card had been issued when it says. `by`: another issuer
        than that of the persona's level."""
        issuer = self._issuers[by or OF_LOA[persona.loa]]
        start = now - timedelta(days=persona.issued_days_ago)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_card(persona) if purpose == "card" else _holder(persona))
            .issuer_name(issuer.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=persona.lifetime_days))
        )
        for extension, critical in _holder_extensions(persona, public_key, purpose, issuer):
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer.key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _holder(persona: Persona) -> x509.Name:
    return x509.Name(
        [
            *_name(persona.name),
            x509.NameAttribute(NameOID.GIVEN_NAME, persona.given_name),
            x509.NameAttribute(NameOID.SURNAME, persona.surname),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, persona.hsa_id),
        ]
    )


def _card(persona: Persona) -> x509.Name:
    """The card itself: nobody's name."""
    return _name(f"Card {persona.card_number}")


def _holder_extensions(
    persona: Persona, public_key: CardPublicKey, purpose: KeyPurpose, issuer: _Issuer
) -> list[tuple[x509.ExtensionType, bool]]:
    policy = x509.PolicyInformation(x509.ObjectIdentifier(LOA_POLICY_OIDS[persona.loa]), None)
    number = utf8(persona.card_number, PRINTABLE_STRING)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(public_key, purpose), True),
        (x509.CertificatePolicies([policy]), False),
        (x509.UnrecognizedExtension(CARD_NUMBER_OID, number), False),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False),
    ]
    if purpose == "identification":
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, SMARTCARD_LOGON_OID]
        extensions.append((x509.ExtendedKeyUsage(uses), False))
    if purpose == "card":
        extensions.append((x509.ExtendedKeyUsage([CARD_AUTHENTICATION_OID]), True))
    return extensions


def _key_usage(public_key: CardPublicKey, purpose: KeyPurpose) -> x509.KeyUsage:
    """RFC 5280 4.2.1.3: log-in signs and receives keys, the signature key only ever signs what one stands for."""
    receives = purpose in ("identification", "encryption")
    is_rsa = isinstance(public_key, rsa.RSAPublicKey)
    return x509.KeyUsage(
        digital_signature=purpose in ("identification", "card"),
        content_commitment=purpose == "signature",
        key_encipherment=receives and is_rsa,
        data_encipherment=False,
        key_agreement=receives and isinstance(public_key, ec.EllipticCurvePublicKey),
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _make_issuer(name: IssuerName, root: _Issuer) -> _Issuer:
    """An issuing authority that is as old as the root, and below it unless it is the old one."""
    key, title = ec.generate_private_key(ec.SECP256R1()), _name(ISSUER_NAMES[name])
    above, signer = (title, key) if name == "old" else (root.certificate.subject, root.key)
    start = root.certificate.not_valid_before_utc
    return _Issuer(_authority(title, above, key.public_key(), signer, start, ISSUER_DAYS, path_length=0), key)


def _authority(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    start: datetime,
    days: int,
    *,
    path_length: int,
) -> x509.Certificate:
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        .sign(signer, hashes.SHA256())
    )


def _write(directory: Path, stem: str, issuer: _Issuer) -> None:
    pem = issuer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle = os.open(directory / f"{stem}.key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    (directory / f"{stem}.pem").write_bytes(issuer.certificate.public_bytes(serialization.Encoding.PEM))


def _read_issuer(directory: Path, name: IssuerName, root: _Issuer) -> _Issuer:
    stem = f"issuer-{name}"
    if not (directory / f"{stem}.key.pem").exists() and name not in OF_LOA.values():
        _write(directory, stem, _make_issuer(name, root))
    return _read(directory, stem)


def _read(directory: Path, stem: str) -> _Issuer:
    key = serialization.load_pem_private_key((directory / f"{stem}.key.pem").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{stem}.key.pem holds another kind of key than this program writes")
    return _Issuer(x509.load_pem_x509_certificate((directory / f"{stem}.pem").read_bytes()), key)
