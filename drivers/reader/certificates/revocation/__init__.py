"""Is a certificate revoked? The port that `drivers.reader.certificates.trust_store` asks, and what an answer is.

`OfflineRevocation` (`offline`) judges CRLs and OCSP answers that were handed in, and fetches nothing: it is for a station.
`FetchingRevocation` (`fetching`) asks the certificate's own OCSP responder and CRL distribution point, and is for a desk.
`crl` and `ocsp` turn bytes into verified answers; `store` keeps the bytes on disk.

Rules: only what the issuer, or a responder that it named, has signed counts; an answer counts from its thisUpdate to its
nextUpdate at the time that is passed in; *revoked* outweighs *good*, and outlives its nextUpdate, because revocation is
for good (a hold is not); a source that fails says *unknown*, and `TrustStore(hard=...)` says what that means.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from cryptography import x509

from drivers.reader.model import RevocationStatus

SKEW = timedelta(minutes=5)
"""How far the clocks of an issuer and of whoever judges may differ."""


@dataclass(frozen=True, slots=True)
class RevocationResult:
    """Revocation status of one certificate. `until`: when a new answer is due."""

    status: RevocationStatus
    by: Literal["", "OCSP", "CRL"] = ""
    since: datetime | None = None
    until: datetime | None = None


UNKNOWN = RevocationResult("unknown")


class Revocation(Protocol):
    """Source that knows which certificates are revoked."""

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        """Standing of a certificate at an aware time. Never raises for a source that fails: `unknown`."""


class NoRevocationCheck:
    """Revocation is not checked, by configuration."""

    async def status(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> RevocationResult:
        return UNKNOWN


def weigh(*standings: RevocationResult) -> RevocationResult:
    """The one that counts: revoked before good, good before unknown; the first of equals."""
    order = {"revoked": 0, "good": 1, "unknown": 2}
    return min(standings, key=lambda standing: order[standing.status], default=UNKNOWN)


def in_time(at: datetime, since: datetime, until: datetime) -> bool:
    """Does an answer made at `since`, and good until `until`, count at `at`?"""
    return since - SKEW <= at <= until + SKEW


def revoked_by(at: datetime, revoked: datetime, until: datetime, *, is_held: bool) -> bool:
    """Does it count at `at` that a certificate was revoked at `revoked`? For good, but a hold only to the next answer."""
    return revoked - SKEW <= at and (not is_held or at <= until + SKEW)
