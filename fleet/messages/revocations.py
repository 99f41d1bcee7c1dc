"""Certificate revocation lists (RFC 5280 section 5) of the fleet's authority, read once and asked often.

Rules: a list counts only where the authority that it names has signed it and its time is not over; each block of a PEM file is a
list of its own, as an authority that was rotated leaves two. A list that does not count is an error and never an empty list.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from fleet.messages.statements import is_issued_by

MOST_BYTES = 4 * 1024 * 1024
MOST_LISTS = 16
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class RevocationListError(ValueError):
    """It cannot be used as a list of revocations. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """Revoked certificates of `authority`, as it stated at `updated`."""

    authority: x509.Certificate
    updated: datetime
    dates: Mapping[int, datetime] = field(repr=False)
    """When each was revoked, by serial number."""

    def date_of(self, certificate: x509.Certificate) -> datetime | None:
        """Return when this certificate was revoked; None where this list does not name it."""
        revoked = self.dates.get(certificate.serial_number)
        return revoked if revoked is not None and is_issued_by(certificate, self.authority) else None


@dataclass(frozen=True, slots=True)
class Revocations:
    """Several lists together: the earliest date counts."""

    lists: tuple[RevocationList, ...] = ()

    def date_of(self, certificate: x509.Certificate) -> datetime | None:
        """Return when this certificate was revoked; None where no list names it."""
        return min(
            (date for revocation_list in self.lists if (date := revocation_list.date_of(certificate)) is not None),
            default=None,
        )

    def covers(self, certificate: x509.Certificate) -> bool:
        """Return whether a list of the authority that issued this certificate is among them."""
        return any(is_issued_by(certificate, revocation_list.authority) for revocation_list in self.lists)

    @property
    def updated(self) -> datetime | None:
        """Time at which the newest of the lists was made."""
        return max((revocation_list.updated for revocation_list in self.lists), default=None)

    def __add__(self, other: "Revocations") -> "Revocations":
        return Revocations((*self.lists, *other.lists))


NO_REVOCATIONS = Revocations()


def read_revocations(raw: bytes, authorities: Sequence[x509.Certificate], now: datetime | None) -> Revocations:
    """The lists in a file, PEM or DER. `now` (aware) is the time at which they must be valid; None: they may have ended since.

    Raises RevocationListError.
    """
    blocks = _PEM.findall(raw) or [raw]
    if len(raw) > MOST_BYTES or len(blocks) > MOST_LISTS:
        raise RevocationListError(
            f"more than {MOST_BYTES} bytes or {MOST_LISTS} lists are not what an authority leaves"
        )
    return Revocations(tuple(_read(block, authorities, now) for block in blocks))


def _read(block: bytes, authorities: Sequence[x509.Certificate], now: datetime | None) -> RevocationList:
    load = x509.load_pem_x509_crl if block.startswith(b"-----") else x509.load_der_x509_crl
    try:
        crl = load(block)
        dates = {entry.serial_number: entry.revocation_date_utc for entry in crl}
        updated, ends = crl.last_update_utc, crl.next_update_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise RevocationListError("there is no list of revocations (CRL) in it, PEM or DER") from None
    signer = next((authority for authority in authorities if _signed(crl, authority)), None)
    if signer is None:
        raise RevocationListError(
            "the list of revocations is not signed by this authority: take the one in its ca/crl.pem"
        )
    if now is not None and (ends is None or now > ends):
        ended = ends.isoformat() if ends else "no day"
        raise RevocationListError(f"the list of revocations was valid until {ended}: get the authority's newest one")
    if now is not None and updated > now:
        raise RevocationListError(f"the list of revocations begins only at {updated.isoformat()}: look at the clock")
    return RevocationList(signer, updated, dates)


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return crl.issuer == authority.subject and crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
