"""Webhook signatures (Standard Webhooks 1.0.0), of messages that we receive and of those that we send.

Rules ("Signature scheme"): the headers `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`; the
signature is HMAC-SHA-256 over `ID.TIMESTAMP.BODY` under the secret that both sides have, base64, as `v1,SIGNATURE`.

>>> signature(b"secret", "msg_1", "1770000000", b"{}")[:3]
'v1,'
"""

import base64
import hashlib
import hmac
from pathlib import Path

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
LEAST_SECRET = 24
PREFIX = "whsec_"


class HookError(Exception):
    """The file of the secret cannot be used. The text says why and shows nothing of it."""


def load_secret(path: Path) -> bytes:
    """The secret: `whsec_` and base64, or any text of 24 bytes and more. Raises HookError."""
    try:
        if path.stat().st_mode & 0o077:
            raise HookError(f"{path}: others can read it; make its mode 0600")
        text = path.read_bytes().strip()
        secret = base64.b64decode(text[len(PREFIX) :], validate=True) if text.startswith(PREFIX.encode()) else text
    except (OSError, ValueError) as error:
        raise HookError(f"{path}: {getattr(error, 'strerror', None) or 'not base64'}") from None
    if len(secret) < LEAST_SECRET:
        raise HookError(f"{path}: a secret has at least {LEAST_SECRET} bytes")
    return secret


def signature(secret: bytes, message: str, timestamp: str, body: bytes) -> str:
    """As the header has it."""
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
