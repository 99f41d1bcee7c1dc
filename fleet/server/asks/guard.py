"""The guard that an ask passes before it is answered: rate limit, signature, and the audit of what is refused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from fleet.messages.statements import Authorities
from fleet.server.asks.rate_limits import AskLimits
from fleet.server.asks.refusals import Refusals
from fleet.server.asks.revocation_list import AuthorityFileError, RevocationList
from fleet.server.asks.verification import AskVerifier
from fleet.server.platform.database.database import Database


@dataclass(frozen=True, slots=True)
class AskGuard:
    """What an ask passes before it is answered."""

    verifier: AskVerifier
    refusals: Refusals
    limits: AskLimits = field(default_factory=AskLimits)


def ask_guard(
    authority: Path, revoked: Path, database: Database, clock: Callable[[], datetime], counts: Counter[str]
) -> AskGuard:
    """The guard of one process. `authority` holds the certificates of the fleet's authority, `revoked` its CRL, where it has made
    one. Raises AuthorityFileError."""
    authorities = read_authorities(authority)
    verifier = AskVerifier(authorities, RevocationList(revoked, authorities), clock)
    return AskGuard(verifier, Refusals(database, clock, counts))


def read_authorities(path: Path) -> Authorities:
    """Certificates in PEM: one, or more while the authority is being rotated. Raises AuthorityFileError."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise AuthorityFileError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise AuthorityFileError(f"{path}: no certificate in PEM") from None
