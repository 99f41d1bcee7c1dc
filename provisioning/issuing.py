"""Issuing keys of the fleet: authorities below its authority, whose keys lie at the server and sign stations' certificates.

Rules:
- The authority stays offline; it signs each issuing key once (`issue_issuing`), for five years.
- `server/issuing-N.key` is a key, `ca/issuing.pem` has the certificates of all that have not ended, newest first. The newest
  signs stations' certificates; those before it still sign revocations of what they have issued.
- A certificate under it is handed out with the issuing certificate behind it (`Issuing.chain`): whoever trusts `ca/ca.pem` alone
  can follow it. It never outlives the issuing certificate.

>>> issuing = Issuing.load(Path("/var/lib/kortkiosk/authority"))  # doctest: +SKIP
>>> issuing.issue("entre-a", public, now)  # doctest: +SKIP
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from provisioning import files, pki
from provisioning.authority import CRL_FILE, ISSUING_FILE, Authority, AuthorityError, load_key
from provisioning.renewal import TooEarlyError

EARLY = timedelta(days=365)
"""An issuing certificate that is good for longer is not replaced without being told to."""


@dataclass(frozen=True, slots=True)
class Issuing:
    """The issuing keys at a server. `issuers`: newest first, one at least."""

    issuers: tuple[pki.Issuer, ...]

    @classmethod
    def load(cls, directory: Path) -> "Issuing | None":
        """Of an authority, or of what it exported; None where it has none. Raises AuthorityError, OSError."""
        certificates = read_issuing(directory)
        keys = [load_key(path) for path in issuing_keys(directory)]
        issuers = tuple(
            pki.Issuer(certificate, key)
            for certificate in certificates
            for key in keys
            if key.public_key() == certificate.public_key()
        )
        if certificates and (not issuers or issuers[0].certificate != certificates[0]):
            raise AuthorityError(f"{directory / ISSUING_FILE}: the key of its first certificate is not in server/")
        return cls(issuers) if issuers else None

    def issue(self, name: str, public: ec.EllipticCurvePublicKey, now: datetime) -> x509.Certificate:
        """A station's certificate, for 90 days. Raises AuthorityError once the issuing certificate has ended."""
        newest = self.issuers[0]
        if now >= newest.certificate.not_valid_after_utc:
            raise AuthorityError("the issuing certificate has ended: `kortkiosk-provision authority issue-issuing`")
        return pki.issue_client(newest, name, public, now, pki.STATION_DAYS)

    def chain(self, certificate: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """The certificate, and the issuing one above it."""
        above = [issuer.certificate for issuer in self.issuers if issuer.certificate.subject == certificate.issuer]
        return certificate, *above[:1]

    def revocations(self, revoked: list[tuple[int, datetime]], now: datetime) -> bytes:
        """The lists of revocations of all issuing keys, in PEM: serial numbers, and since when."""
        return b"".join(pki.make_crl(issuer, revoked, now) for issuer in self.issuers)


def issue_issuing(authority: Authority, now: datetime, *, early: bool = False) -> datetime:
    """Make an issuing key and its certificate. Gives until when it is good. Raises AuthorityError, TooEarlyError, OSError."""
    if not (authority.directory / CRL_FILE).exists():
        authority.write_crl(now)  # a broker that has a list of one authority wants one of each
    with files.directory_lock(authority.directory):
        issuer = authority.issuer()
        if not pki.may_have_issuing(issuer.certificate):
            raise AuthorityError(
                "this authority was made before there were issuing keys, and its certificate allows none:"
                " rotate it first (`authority rotate --only ca`)"
            )
        before = read_issuing(authority.directory)
        if before and not early and before[0].not_valid_after_utc - now > EARLY:
            until = before[0].not_valid_after_utc
            raise TooEarlyError(
                f"the issuing key is good until {until.date()}: replace it from {(until - EARLY).date()} on, or with --early"
            )
        living = [certificate for certificate in before if certificate.not_valid_after_utc > now]
        number = 1 + max((_number(path) for path in issuing_keys(authority.directory)), default=0)
        key = pki.new_key()
        made = pki.make_issuing(issuer, key.public_key(), now, number)
        # The key first: a stop between the two leaves a key that nothing names, and the next call makes another.
        files.write_file(authority.directory / f"server/issuing-{number}.key", pki.key_pem(key))
        pem = b"".join(pki.certificate_pem(certificate) for certificate in (made, *living))
        files.write_file(authority.directory / ISSUING_FILE, pem, files.PUBLIC)
        return made.not_valid_after_utc


def read_issuing(directory: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of issuing keys, newest first; none where there are none. Raises AuthorityError, OSError."""
    path = directory / ISSUING_FILE
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except FileNotFoundError:
        return ()
    except ValueError:
        raise AuthorityError(f"{path}: no certificate in PEM") from None


def issuing_keys(directory: Path) -> list[Path]:
    """The files of issuing keys, oldest first."""
    paths = [path for path in (directory / "server").glob("issuing-*.key") if path.stem.partition("-")[2].isdigit()]
    return sorted(paths, key=_number)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[2])
