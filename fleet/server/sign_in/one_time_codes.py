"""Time-based one-time codes (RFC 6238: SHA-1, six digits, 30 seconds). Alone imports pyotp.

Rules: a code one step early or late is taken (RFC 6238 5.2), and each step once. A last step that is still to come was taken
under a clock that has been set back since, and counts no more: else nobody would come in until then.

>>> secret = secret_from("made-up link")
>>> step_of(secret, code_at(secret, 1_000_000), 1_000_000, after=0) == 1_000_000 // STEP_S
True
"""

import base64
import hmac

import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STEP_S = 30
_DRIFT = 1


def secret_from(link: str) -> str:
    """The secret that a set-up link offers: 160 bits, base32, derived from the link's random value (HKDF, RFC 5869)."""
    derived = HKDF(hashes.SHA256(), 20, None, b"kortkiosk one-time codes").derive(link.encode())
    return base64.b32encode(derived).decode()


def code_at(secret: str, at_s: float) -> str:
    """The code of that moment (seconds since 1970)."""
    return pyotp.TOTP(secret, interval=STEP_S).at(int(at_s))


def step_of(secret: str, code: str, now_s: float, *, after: int) -> int | None:
    """The time step whose code this is, if it is near `now_s` and later than `after`; else None."""
    latest = int(now_s) // STEP_S + _DRIFT
    after = after if after <= latest else 0
    given = "".join(code.split()).encode()
    steps = range(latest - 2 * _DRIFT, latest + 1)
    fits = [step for step in steps if hmac.compare_digest(code_at(secret, step * STEP_S).encode(), given)]
    return next((step for step in fits if step > after), None)


def address(secret: str, name: str) -> str:
    """Return the address that an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name="kortkiosk")
