"""Encryption at rest of the station's file: what it keeps of other people, so that a copy of the file tells no name.

ChaCha20-Poly1305 (RFC 8439) with a random nonce, under a key that HKDF-SHA256 (RFC 5869) derives from `store.key` of the
station's identity; station and kind are the associated data, so that no content can stand in for another. ChaCha20 and not AES,
because the processor of a Raspberry Pi 4 has no instructions for AES. A secret of its own and not the station's private key,
because that one is renewed, and cannot be read where it lies in a TPM.

>>> cipher = AtRestCipher("entre-a", bytes(32))
>>> cipher.decrypt("list", cipher.encrypt("list", b"made up"))
b'made up'
"""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
CONTEXT = "kortkiosk-at-rest-v1"


class UnreadableError(Exception):
    """The content was not encrypted by this station for that purpose, or is damaged."""


class AtRestCipher:
    """Encrypts and decrypts what one station keeps."""

    def __init__(self, station: str, secret: bytes) -> None:
        """`secret` is the 32 bytes of `store.key`."""
        self._station = station
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=msgspec.json.encode([CONTEXT, station]))
        self._aead = ChaCha20Poly1305(derivation.derive(secret))

    def encrypt(self, kind: str, content: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, self._bound_to(kind))

    def decrypt(self, kind: str, sealed: bytes) -> bytes:
        """The content. Raises UnreadableError."""
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound_to(kind))
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            raise UnreadableError(f"{kind}: not encrypted by this station, or damaged") from None

    def _bound_to(self, kind: str) -> bytes:
        return msgspec.json.encode([CONTEXT, self._station, kind])
