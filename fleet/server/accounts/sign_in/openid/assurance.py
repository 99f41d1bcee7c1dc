"""Level and age of an issuer's proof of a person: the claims `acr` and `auth_time` (OpenID Connect Core 1.0, 2).

>>> noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
>>> proved_at({"acr": "loa3", "auth_time": noon.timestamp()}, ("loa3",), noon - timedelta(minutes=5), noon) == noon
True
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

LEEWAY_S = 60
"""So much the issuer's clock and ours may differ."""


class ProofError(Exception):
    """The person has not proved who they are as was asked. The text names the claim."""


def proved_at(claims: Mapping[str, Any], levels: Collection[str], oldest: datetime, now: datetime) -> datetime:
    """When the person proved who they are, at one of these levels and not before `oldest`. Raises ProofError."""
    if not isinstance(claims.get("acr"), str) or claims["acr"] not in levels:
        raise ProofError("the claim acr is none of the levels in openid.acr")
    try:
        proved = datetime.fromtimestamp(claims["auth_time"], UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise ProofError("the claim auth_time is missing, or no time") from None
    leeway = timedelta(seconds=LEEWAY_S)
    if not oldest - leeway <= proved <= now + leeway:
        raise ProofError("the claim auth_time is older than was asked, or still to come")
    return min(proved, now)
