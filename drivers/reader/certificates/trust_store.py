"""Trust store: certificate validation against anchors at a time that is passed in (RFC 5280, nothing fetched).

Anchors and authorities come from configuration. Revocation is asked of a port (`drivers.reader.certificates.revocation`):
a desk asks OCSP itself, a station has the answers from the server. Without anchors every chain is `unchecked`, and the
library that validates is not even loaded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from drivers.reader.certificates.identity import PARSE_FAULTS
from drivers.reader.certificates.revocation import UNKNOWN, NoRevocationCheck, Revocation, RevocationResult
from drivers.reader.model import Chain

if TYPE_CHECKING:
    from drivers.reader.certificates.path_validation import PathBuilder

CertificatePath = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Result of validating one certificate. `revocation` is the leaf's own; `path` goes from it up to the anchor."""

    chain: Chain
    revocation: RevocationResult = UNKNOWN
    path: tuple[x509.Certificate, ...] = ()


class TrustStore:
    """Anchors and authorities. `hard`: a certificate whose revocation is not known counts as `unchecked`, not as `ok`."""

    def __init__(
        self,
        anchors: Iterable[x509.Certificate] = (),
        authorities: Iterable[x509.Certificate] = (),
        *,
        revocation: Revocation | None = None,
        hard: bool = False,
    ) -> None:
        self._anchors = tuple(anchors)
        self._authorities = tuple(authorities)
        self._paths: PathBuilder | None = None
        self._revocation = revocation or NoRevocationCheck()
        self._hard = hard

    async def judge(self, der: bytes, at: datetime, others: Iterable[bytes] = ()) -> Chain:
        """The chain of one certificate at an aware time. `others` are certificates that the card holds beside it.

        Outside its validity, on either side, a certificate is `expired`.
        """
        return (await self.assess(der, at, others)).chain

    async def assess(self, der: bytes, at: datetime, others: Iterable[bytes] = ()) -> ValidationResult:
        """The same, with revocation and the path that was found."""
        try:
            certificate = x509.load_der_x509_certificate(der)
        except PARSE_FAULTS:
            return ValidationResult("untrusted")
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return ValidationResult("expired")
        if not self._anchors:
            return ValidationResult("unchecked")
        path, fault = await self._path(der, at, others)
        return ValidationResult(fault) if fault is not None else await self._with_revocation(path, at)

    async def _with_revocation(self, path: CertificatePath, at: datetime) -> ValidationResult:
        """Every certificate under the anchor is asked about, the holder's first; one that is revoked ends it."""
        standings = [await self._revocation.status(each, issuer, at) for each, issuer in pairwise(path)]
        leaf = standings[0] if standings else UNKNOWN
        statuses = {standing.status for standing in standings}
        if "revoked" in statuses:
            return ValidationResult("revoked", leaf, path)
        return ValidationResult("unchecked" if self._hard and "unknown" in statuses else "ok", leaf, path)

    async def _path(self, der: bytes, at: datetime, others: Iterable[bytes]) -> tuple[CertificatePath, Chain | None]:
        """The certificates from this one to its anchor, and none where there is a fault."""
        if self._paths is None:
            from drivers.reader.certificates.path_validation import PathBuilder

            self._paths = PathBuilder(self._anchors, self._authorities)
        return await self._paths.find(der, at, others)


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Every certificate in a PEM file, or in the `.pem` and `.crt` files of a directory.

    Raises OSError, and ValueError (with the file's name) where a file holds no certificate.
    """
    files = sorted(p for p in path.iterdir() if p.suffix in (".pem", ".crt")) if path.is_dir() else [path]
    certificates: list[x509.Certificate] = []
    for file in files:
        content = file.read_bytes()
        if path.is_dir() and b"BEGIN CERTIFICATE" not in content:
            continue
        try:
            certificates += x509.load_pem_x509_certificates(content)
        except ValueError as fault:
            raise ValueError(f"{file}: no certificate in PEM form") from fault
    if not certificates:
        raise ValueError(f"{path}: no certificate in PEM form")
    return certificates


def split_anchors(certificates: Iterable[x509.Certificate]) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Split certificates into anchors (self-issued) and intermediate authorities."""
    all_of_them = list(certificates)
    anchors = [c for c in all_of_them if c.issuer == c.subject]
    return anchors, [c for c in all_of_them if c.issuer != c.subject]
