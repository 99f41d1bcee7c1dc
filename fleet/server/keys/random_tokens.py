"""Random tokens (bearer secrets): generated, shown once, stored as a hash.

>>> len(digest(random_token())), random_token() != random_token()
(64, True)
"""

import hashlib
import secrets


def random_token(prefix: str = "") -> str:
    """256 random bits for an address or a header."""
    return prefix + secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """Return the hash under which a token is stored: SHA-256, hex. The value is random and long, so no slow hash is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


def form_token(value: str) -> str:
    """The token of forms that goes with a session, made from its secret, so that nothing more is kept."""
    return hashlib.sha256(b"form:" + value.encode()).hexdigest()


API_TOKEN_PREFIX = "kkf_"  # noqa: S105  # no secret: what every token begins with
"""So that a token that went astray is recognised."""
