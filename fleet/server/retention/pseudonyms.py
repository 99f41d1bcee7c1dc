"""Pseudonymization by a keyed hash: the same person or card is always the same word, so that counts stay right.

Rules: HMAC-SHA-256 under a key of the region, kept apart from the store: there are so few HSA-ids and card numbers that without a
key all could be tried. A person and a card never share a pseudonym. What is one already stays as it is.

>>> Pseudonyms(bytes(32)).card("9752269875")
'p-07532c7ea872959a5121b759'
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

KEY_FILE = "pseudonym.key"
KEY_BYTES, SUM_BYTES = 32, 32
_FORM = re.compile(r"p-[0-9a-f]{24}\Z")


class PseudonymKeyError(Exception):
    """The key cannot be used. The text names the file and why."""


class Pseudonyms:
    """Makes them under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def person(self, hsa_id: str) -> str:
        """For an HSA-id."""
        return self._of("person", hsa_id)

    def card(self, number: str) -> str:
        """For a card number; an empty one stays empty."""
        return self._of("card", number)

    def _of(self, kind: str, value: str) -> str:
        if not value or is_pseudonym(value):
            return value
        return "p-" + hmac.digest(self._key, f"{kind}:{value}".encode(), hashlib.sha256).hex()[:24]


def is_pseudonym(value: str) -> bool:
    """Return whether the value stands for something erased."""
    return _FORM.match(value) is not None


def load_or_make(path: Path) -> Pseudonyms:
    """Read the key, or make it where there is none, for the own account alone. Raises PseudonymKeyError."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                key = secrets.token_bytes(KEY_BYTES)
                file.write(key + hashlib.sha256(key).digest())
                file.flush()
                os.fsync(file.fileno())
        content = path.read_bytes()
    except OSError as error:
        raise PseudonymKeyError(f"{path}: {error.strerror}") from None
    key, checksum = content[:KEY_BYTES], content[KEY_BYTES:]
    if len(content) not in (KEY_BYTES, KEY_BYTES + SUM_BYTES):  # those of earlier versions have no checksum
        raise PseudonymKeyError(f"{path}: must hold {KEY_BYTES} bytes, and the {SUM_BYTES} of their SHA-256")
    if checksum and checksum != hashlib.sha256(key).digest():
        raise PseudonymKeyError(f"{path}: is damaged: restore it from the back-up")
    return Pseudonyms(key)
