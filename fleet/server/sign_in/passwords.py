"""Password hashing by Argon2id (RFC 9106). Alone imports argon2.

Rules: two are computed at a time, whatever is asked, since each takes 64 MiB; a name that is not known costs the same time as
one that is.

>>> matches(hashed("correct-horse-made-up"), "correct-horse-made-up")
True
"""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST, MOST = 12, 128
"""Characters of a password."""

hasher = PasswordHasher()
_room = threading.BoundedSemaphore(2)
HASH_OF_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$0f+h1pQIdV+VXCeT6VDvxQ$fmoCXvN5CdmOcIRGr6QKLrFvDnnm35eO36v90jzUwEs"


def hashed(password: str) -> str:
    """The encoded hash with its parameters and salt."""
    with _room:
        return hasher.hash(password)


def matches(encoded: str | None, password: str) -> bool:
    """Return whether `password` is the one that was hashed; a hash of None takes as long and never matches."""
    with _room:
        try:
            return hasher.verify(encoded or HASH_OF_NOBODY, password[:MOST]) and encoded is not None
        except (VerificationError, InvalidHashError):
            return False
