"""Signature of the server over an evidence file, with the key of its own certificate, which the fleet's authority has issued.

So whoever trusts the authority for stations can check the server by the same certificate, and needs no other key.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from fleet.messages import statements
from fleet.messages.revocations import RevocationListError, read_revocations
from fleet.messages.statements import Authorities
from fleet.server.evidence.model import TYP
from provisioning.authority import CRL_FILE, ISSUING_CRL_FILE, AuthorityError
from provisioning.issuing import read_issuing


class SealError(Exception):
    """The server's key or certificates cannot be used. The text names the file and why."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Key and certificate of the server, the authority above it, and where its list of revocations lies."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    authorities: Authorities
    crls: tuple[Path, ...]
    """The authority's, and that of the issuing keys under it, where there is one."""

    @classmethod
    def load(cls, authority: Path) -> "Seal":
        """Of the directory that `kortkiosk-provision authority` made. Raises SealError."""
        key = _key(authority / "server" / "fleet-server.key")
        certificate = read_certificate(authority / "server" / "fleet-server.pem")
        try:
            issuing = read_issuing(authority)
        except AuthorityError as error:
            raise SealError(str(error)) from None
        authorities = (*read_authorities(authority / "ca" / "ca.pem"), *issuing)
        return cls(key, certificate, authorities, (authority / CRL_FILE, authority / ISSUING_CRL_FILE))

    def sign(self, manifest: bytes) -> str:
        """Detached: what is signed lies beside it."""
        return statements.sign(self.key, self.certificate, TYP, manifest, detached=True)

    def revocations(self) -> bytes:
        """The lists of revocations as they are now. Raises SealError."""
        own, *others = self.crls
        if not own.exists():
            hint = "make it with `kortkiosk-provision authority crl`, and copy it to the server"
            raise SealError(f"{own}: there is no list of revocations: {hint}")
        return b"".join(self._list(path) for path in (own, *(path for path in others if path.exists())))

    def _list(self, path: Path) -> bytes:
        try:
            raw = path.read_bytes()
            read_revocations(raw, self.authorities, None)
        except OSError as error:
            raise SealError(f"{path}: {error.strerror}") from None
        except RevocationListError as error:
            raise SealError(f"{path}: {error}") from None
        return raw

    @property
    def authority_pem(self) -> bytes:
        """The authorities' certificates as they go into the file."""
        return b"".join(authority.public_bytes(Encoding.PEM) for authority in self.authorities)


def read_certificate(path: Path) -> x509.Certificate:
    """A certificate in PEM. Raises SealError."""
    return read_certificates(path)[0]


def read_authorities(path: Path) -> Authorities:
    """The certificates of a fleet's `ca.pem`. Raises SealError."""
    return read_certificates(path)


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file, one at least. Raises SealError."""
    try:
        raw = path.read_bytes()
        if b"\0" in raw:  # an evidence file holds an authority's certificate too, and must not vouch for itself
            raise ValueError("not a text file")
        return tuple(x509.load_pem_x509_certificates(raw))
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise SealError(f"{path}: no certificate in PEM") from None


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SealError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise SealError(f"{path}: no private key in PEM without a passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SealError(f"{path}: must be a private key on P-256")
    return key
