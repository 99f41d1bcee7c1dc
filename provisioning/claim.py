"""Claim codes (enrolment tokens): what an installer types once, so that a new station gets its certificate.

A code is four groups of four signs of base32 without look-alikes (80 bits). The first group says which claim is
meant; the other three are its secret, of which the authority keeps a salted scrypt hash. A code works once, until its
time is over, and five wrong tries end it. Time is passed in.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""32 signs without I, L, O and U; who types one of the first three gets the digit that it looks like."""

LOOK_ALIKES = str.maketrans("ILO", "110")

GROUP = 4
GROUPS = 4
MAX_WRONG = 5


class ClaimRefused(Exception):
    """The code opens nothing. The text never says how near it was."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim as the authority keeps it. `salt` and `digest` are hex; `expires` is aware."""

    id: str
    station: str
    salt: str
    digest: str
    expires: datetime
    wrong: int = 0
    used: datetime | None = None

    def state(self, now: datetime) -> str:
        """`open`, `used`, `expired` or `void`."""
        if self.used is not None:
            return "used"
        if self.wrong >= MAX_WRONG:
            return "void"
        return "expired" if now >= self.expires else "open"


def make_claim(
    station: str, now: datetime, valid_hours: float, taken: frozenset[str] = frozenset()
) -> tuple[str, Claim]:
    """A new code, shown once, and the claim to keep. `taken`: ids of other claims."""
    name = _group()
    while name in taken:
        name = _group()
    secret = "".join(_group() for _ in range(GROUPS - 1))
    salt = secrets.token_hex(16)
    claim = Claim(name, station, salt, secret_digest(salt, secret), now + timedelta(hours=valid_hours))
    return "-".join([name, *(secret[i : i + GROUP] for i in range(0, len(secret), GROUP))]), claim


def id_of(code: str) -> str:
    """Return the id of the claim that a typed code means. Raises ClaimRefused where it is no code at all."""
    return _signs(code)[:GROUP]


def check(claim: Claim | None, code: str, now: datetime) -> tuple[Claim | None, bool]:
    """The claim as it is to be kept after this try, and whether the code opens it.

    Where there is no such claim the same work is done, so that time does not tell. Raises ClaimRefused where the code
    is no code at all.
    """
    secret = _signs(code)[GROUP:]
    digest = secret_digest(claim.salt if claim is not None else "00" * 16, secret)
    right = hmac.compare_digest(digest, claim.digest if claim is not None else "")
    if claim is None or claim.state(now) != "open":
        return claim, False
    if not right:
        return replace(claim, wrong=claim.wrong + 1), False
    return replace(claim, used=now), True


def _group() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GROUP))


def _signs(code: str) -> str:
    signs = "".join(sign for sign in code.upper().translate(LOOK_ALIKES) if sign not in "- \t\r\n")
    if len(signs) != GROUP * GROUPS or any(sign not in ALPHABET for sign in signs):
        raise ClaimRefused(f"a claim code is {GROUPS} groups of {GROUP} letters and digits")
    return signs


def secret_digest(salt: str, secret: str) -> str:
    """Return the digest that is kept of a secret: salted scrypt, hex. `salt` is hex."""
    return hashlib.scrypt(secret.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()
