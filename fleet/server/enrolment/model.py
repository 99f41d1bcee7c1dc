"""Values of enrolment.

>>> ClaimRow(1, "entre-a", T0, "tove", T0 + timedelta(hours=24)).state(T0 + timedelta(hours=24))
'expired'
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from cryptography import x509

from provisioning.claim import MAX_WRONG
from provisioning.pki import CLOCK_SLACK

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MOST_HOURS = 7 * 24
RETRY_S = 10
"""So often a station asks again while it waits (`Retry-After`)."""
REDELIVERED = timedelta(hours=24)
"""So long the same key gets the same certificate again, as after a power cut."""
MOST_RENEWALS = 10
"""Of a station, in a day."""

ClaimState = Literal["open", "waiting", "approved", "issued", "refused", "expired", "void"]


class Refusal(StrEnum):
    """Why a station gets no certificate."""

    WRONG_CODE = "wrong_code"
    USED = "used"
    EXPIRED = "expired"
    TRIED_TOO_OFTEN = "tried_too_often"
    REFUSED = "refused"
    OTHER_KEY = "other_key"
    BAD_REQUEST = "bad_request"
    BAD_KEY = "bad_key"
    OTHER_NAME = "other_name"
    RETIRED = "retired"
    NO_CERTIFICATE = "no_certificate"
    REVOKED = "revoked"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Revoked:
    """Result of a revocation: certificates from here that it ended. `left`: serial numbers (hex) of those of the authority's
    own making. The server believes them no more; its list of revocations, which others read, is the authority's to make."""

    certificates: int
    left: tuple[str, ...] = ()


def is_denied(certificate: x509.Certificate, since: datetime | None) -> bool:
    """Return whether it was issued before its name was revoked. Certificates know whole seconds, and begin a little earlier."""
    return since is not None and certificate.not_valid_before_utc + CLOCK_SLACK < since.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class IssuedChain:
    """The station's certificate, and the issuing one above it."""

    chain: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class WaitsForApproval:
    """A person is to approve it first."""

    retry_s: int = RETRY_S


@dataclass(frozen=True, slots=True)
class EnrolmentRefused:
    why: Refusal


Outcome = IssuedChain | WaitsForApproval | EnrolmentRefused


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim. `key` and `other_key`: fingerprints as both screens show them; `is_known`: there is such a station already;
    `rivals`: other claims of the name that wait; `join_key`: number of the one that made it."""

    id: int
    station: str
    made: datetime
    made_by: str
    expires: datetime
    wrong: int = 0
    asked: datetime | None = None
    address: str = ""
    key: str = ""
    other_key: str = ""
    approved: bool | None = None
    decided: datetime | None = None
    decided_by: str = ""
    issued: datetime | None = None
    is_known: bool = False
    rivals: int = 0
    join_key: int | None = None

    def state(self, now: datetime) -> ClaimState:
        """Return the state of the claim just now."""
        if self.approved is not None:
            return "refused" if not self.approved else "approved" if self.issued is None else "issued"
        if self.asked is not None:
            return "waiting"
        return "void" if self.wrong >= MAX_WRONG else "expired" if now >= self.expires else "open"

    @property
    def is_in_conflict(self) -> bool:
        """Two keys want this name."""
        return bool(self.other_key or self.rivals)

    @property
    def is_of_batch(self) -> bool:
        """Return whether it may be let in with others: by a join key, and nothing about it asks for a second look."""
        return self.join_key is not None and not (self.is_in_conflict or self.is_known)


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """Facts that a station is to know of itself and of the fleet, besides its certificate."""

    station: str
    epoch: int


class EnrolmentRefusedError(Exception):
    """A person's wish about a claim cannot be done. The text says why."""


Who = tuple[str, str]
"""The name for the audit, and the address."""
