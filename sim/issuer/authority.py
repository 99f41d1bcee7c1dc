"""The simulator's certificate authority: a root, an issuer for each level of assurance, and the TLS certificates of its two ends.

Folder (keys mode 0600): `root`, `issuer-loa3`, `issuer-loa2`, each as NAME.pem and NAME.key.pem, which is how the virtual
cards' own authority lies on the disk: pointed there, the simulator issues what those cards' readers trust.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

LEVELS = (3, 2)
SLACK = timedelta(minutes=10)
YEARS_20 = timedelta(days=7300)
LIST_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class RevocationEntry:
    """Entry of a certificate revocation list."""

    serial: int
    at: datetime
    held: bool
    """certificateHold (RFC 5280 5.3.1): it may be taken back."""


@dataclass(frozen=True, slots=True)
class CertificateHierarchy:
    """Root certificate authority and its issuing authorities, one for each level of assurance."""

    root: CertifiedKey
    issuers: dict[int, CertifiedKey]

    @classmethod
    def load_or_create(cls, folder: Path, now: datetime) -> "CertificateHierarchy":
        """Load what lies in the folder, or make a new one there. Raises OSError, ValueError."""
        if not (folder / "root.pem").exists():
            root = make_authority("SIMULATOR Root CA", None, now)
            write(folder, "root", root)
            for loa in LEVELS:
                write(folder, f"issuer-loa{loa}", make_authority(f"SIMULATOR Person HSA-id {loa} CA", root, now))
        return cls(read(folder, "root"), {loa: read(folder, f"issuer-loa{loa}") for loa in LEVELS})

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Certificates of the issuing authorities, then of the root."""
        return (*(issuer.certificate for issuer in self.issuers.values()), self.root.certificate)

    def issue(
        self,
        loa: int,
        public_key: CertificatePublicKeyTypes,
        subject: x509.Name,
        validity: tuple[datetime, datetime],
        extensions: Iterable[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        """An end certificate of that level."""
        issuer = self.issuers[loa]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(validity[0])
            .not_valid_after(validity[1])
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer.key, hashes.SHA256())

    def crl(self, loa: int, revoked: Sequence[RevocationEntry], number: int, now: datetime) -> bytes:
        """The list of one issuer (RFC 5280 5), DER. `loa`: 0 is the root."""
        issuer = self.issuers.get(loa, self.root)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now)
            .next_update(now + LIST_LIFE)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        )
        for revocation in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(revocation.serial).revocation_date(revocation.at)
            if revocation.held:
                entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.certificate_hold), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def make_authority(name: str, above: CertifiedKey | None, now: datetime) -> CertifiedKey:
    """A root (`above` None), or an authority below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    signer = above.key if above else key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above.certificate.subject if above else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + YEARS_20)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if above else 1), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        .sign(signer, hashes.SHA256())
    )
    return CertifiedKey(certificate, key)


def write(folder: Path, stem: str, pair: CertifiedKey) -> None:
    """NAME.key.pem, mode 0600, then NAME.pem. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle = os.open(folder / f"{stem}.key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    (folder / f"{stem}.pem").write_bytes(pair.pem)


def read(folder: Path, stem: str) -> CertifiedKey:
    """Read what `write` wrote. Raises OSError, ValueError."""
    key = serialization.load_pem_private_key((folder / f"{stem}.key.pem").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{folder / stem}.key.pem: another kind of key than this program writes")
    return CertifiedKey(x509.load_pem_x509_certificate((folder / f"{stem}.pem").read_bytes()), key)
