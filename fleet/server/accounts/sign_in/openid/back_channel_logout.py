"""Back-channel log-out (OpenID Connect Back-Channel Logout 1.0): what a logout token has to say, and whom it means.

Rules (2.6): signature, `iss`, `aud`, `iat` and `exp` are checked as an ID token's, by `oidc`; here follow `events`, `sub` or
`sid`, `jti`, and that there is no `nonce`, so that no ID token is a logout token. A token is good once (`Access.is_new`).

>>> issuer_session("https://login.example", None) is None
True
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet.server.platform.random_tokens import digest

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = (None, "JWT", "logout+jwt")
OLDEST = timedelta(days=1)
"""A token that was made before is refused, whatever its own end: so long is remembered which came."""


class LogoutTokenError(ValueError):
    """It is no logout token of today. The text says which part is wrong."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """`subject` and `issuer_session` as accounts and sessions keep them; at least one is there."""

    subject: str | None
    issuer_session: str | None
    id: str
    ends: datetime


def issuer_session(issuer: str, sid: object) -> str | None:
    """What is kept of the issuer's `sid`: a hash; None where it has none."""
    return digest(f"{issuer} {sid}") if isinstance(sid, str) and sid else None


def logout_of(header: Mapping[str, Any], claims: Mapping[str, Any], issuer: str, now: datetime) -> LogoutToken:
    """From a token whose signature, issuer, audience and times hold. Raises LogoutTokenError."""
    events, jti, subject = claims.get("events"), claims.get("jti"), claims.get("sub")
    session = issuer_session(issuer, claims.get("sid"))
    if header.get("typ") not in TYPES:
        raise LogoutTokenError("the header typ is another kind's")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise LogoutTokenError("the claim events does not say so")
    if "nonce" in claims:
        raise LogoutTokenError("the claim nonce is prohibited")
    if not isinstance(jti, str) or not jti:
        raise LogoutTokenError("the claim jti is missing")
    if not (isinstance(subject, str) and subject) and session is None:
        raise LogoutTokenError("the claims sub and sid are both missing")
    made = datetime.fromtimestamp(claims["iat"], UTC)
    if made < now - OLDEST:
        raise LogoutTokenError("the claim iat is of more than a day ago")
    whose = f"{issuer} {subject}" if isinstance(subject, str) and subject else None
    return LogoutToken(whose, session, f"{issuer} {jti}", made + OLDEST + timedelta(hours=1))
