"""The guard that an ask passes before it is answered: rate limit, signature, and the audit of what is refused."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from fleet.messages.statements import Authorities
from fleet.server.asks.rate_limits import AskLimits
from fleet.server.asks.refusals import Refusals
from fleet.server.asks.revocation_list import AuthorityFileError, DeniedStations, RevocationList, RevocationLists
from fleet.server.asks.verification import AskVerifier
from fleet.server.database.database import Database
from provisioning.authority import AuthorityError
from provisioning.issuing import read_issuing


@dataclass(frozen=True, slots=True)
class AskGuard:
    """Checks that an ask passes before it is answered."""

    verifier: AskVerifier
    refusals: Refusals
    limits: AskLimits = field(default_factory=AskLimits)


def ask_guard(
    authority: Path, revoked: Sequence[Path], database: Database, clock: Callable[[], datetime], counts: Counter[str]
) -> AskGuard:
    """The guard of one process. `authority` holds the certificates of the fleet's authority, those of issuing keys lie beside it;
    `revoked`: lists of revocations, of which not all need be there. Raises AuthorityFileError."""
    authorities = read_authorities(authority)
    lists = RevocationLists((*(RevocationList(path, authorities) for path in revoked), DeniedStations(database)))
    return AskGuard(AskVerifier(authorities, lists, clock), Refusals(database, clock, counts))


def read_authorities(path: Path) -> Authorities:
    """Certificates in PEM: one, or more while the authority is being rotated, and the issuing ones under them. Raises
    AuthorityFileError."""
    try:
        return (*x509.load_pem_x509_certificates(path.read_bytes()), *read_issuing(path.parent.parent))
    except OSError as error:
        raise AuthorityFileError(f"{error.filename or path}: {error.strerror}") from None
    except AuthorityError as error:
        raise AuthorityFileError(str(error)) from None
    except ValueError:
        raise AuthorityFileError(f"{path}: no certificate in PEM") from None
