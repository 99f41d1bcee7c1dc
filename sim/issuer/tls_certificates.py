"""The TLS certificates between fleet server and simulator: made once, by an authority for nothing else."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sim.issuer.authority import SLACK, CertifiedKey, make_authority, read, write

YEARS_5 = timedelta(days=1826)
CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")
"""id-kp-cmcRA (RFC 6402 2.10): a registration authority (RFC 7030 3.7)."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of the TLS keys and certificates in one folder."""

    folder: Path

    @classmethod
    def load_or_create(cls, folder: Path, names: list[str], now: datetime) -> "TlsFiles":
        """Make what is not there. Raises OSError, ValueError."""
        if not (folder / "client.pem").exists():
            authority = make_authority("SIMULATOR TLS CA", None, now)
            write(folder, "tls", authority)
            alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
            server = _end(authority, names[0], [ExtendedKeyUsageOID.SERVER_AUTH], alternative, now)
            write(folder, "server", server)
            write(
                folder, "client", _end(authority, "fleet server", [ExtendedKeyUsageOID.CLIENT_AUTH, CMC_RA], None, now)
            )
        read(folder, "server")
        return cls(folder)

    @property
    def ca(self) -> Path:
        """Certificate of the authority that both ends trust."""
        return self.folder / "tls.pem"

    @property
    def server(self) -> tuple[Path, Path]:
        """The simulator's certificate and key."""
        return self.folder / "server.pem", self.folder / "server.key.pem"

    @property
    def client(self) -> tuple[Path, Path]:
        """Certificate and key of the fleet server."""
        return self.folder / "client.pem", self.folder / "client.key.pem"


def _end(
    authority: CertifiedKey,
    name: str,
    uses: list[ObjectIdentifier],
    alternative: x509.SubjectAlternativeName | None,
    now: datetime,
) -> CertifiedKey:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + YEARS_5)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage(uses), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), False)
    )
    if alternative is not None:
        builder = builder.add_extension(alternative, False)
    return CertifiedKey(builder.sign(authority.key, hashes.SHA256()), key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
