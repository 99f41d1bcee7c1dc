"""Encryption at rest of the station's file: what it keeps of other people, so that a copy of the file tells no name.

ChaCha20-Poly1305 (RFC 8439) with a random nonce, under a key that HKDF-SHA256 (RFC 5869) derives from `store.key` of the
station's identity; station and kind are the associated data, so that no content can stand in for another. ChaCha20 and not AES,
because the processor of a Raspberry Pi 4 has no instructions for AES. A secret of its own and not the station's private key,
because that one is renewed, and cannot be read where it lies in a TPM.

A new enrolment makes a new `store.key`. The keys of the enrolments before lie in a file beside the identity's folder
(`IDENTITY.store-keys`: a line `STATION HEX` each, for the owner alone), and open what was encrypted then: what a station owes
outlives its identity. They go with a reset.

>>> cipher = AtRestCipher("entre-a", bytes(32))
>>> cipher.decrypt("list", cipher.encrypt("list", b"made up"))
b'made up'
"""

import contextlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fleet.agent.identity import STORE_KEY_BYTES, Identity, write_private
from fleet.messages.topics import STATION_NAME

NONCE_BYTES = 12
CONTEXT = "kortkiosk-at-rest-v1"
KEPT_KEYS = 20
"""So many keys are kept, the newest last."""

log = logging.getLogger(__name__)


class UnreadableError(Exception):
    """The content was not encrypted by this station for that purpose, or is damaged."""


class AtRestCipher:
    """Encrypts and decrypts what one station keeps."""

    def __init__(self, station: str, secret: bytes, former: Iterable[tuple[str, bytes]] = ()) -> None:
        """`secret` is the 32 bytes of `store.key`; `former`: name and secret of enrolments before, which decrypt only."""
        self._keys = [(name, _derived(name, key)) for name, key in ((station, secret), *former)]

    def encrypt(self, kind: str, content: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        station, aead = self._keys[0]
        return nonce + aead.encrypt(nonce, content, _bound_to(station, kind))

    def decrypt(self, kind: str, sealed: bytes) -> bytes:
        """The content. Raises UnreadableError."""
        for station, aead in self._keys:
            with contextlib.suppress(InvalidTag, ValueError):  # ValueError: too short for a nonce
                return aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(station, kind))
        raise UnreadableError(f"{kind}: not encrypted by this station, or damaged")


def station_cipher(identity: Identity) -> AtRestCipher:
    """Return the cipher of that identity, which also decrypts what enrolments before it left; its key is kept for those that
    follow. Raises IdentityError."""
    own = (identity.station, identity.store_secret())
    path = kept_keys_file(identity.key_file.parent)
    kept = _read_kept(path)
    if own not in kept:
        lines = (f"{name} {key.hex()}\n" for name, key in (*kept, own)[-KEPT_KEYS:])
        try:
            write_private(path, "".join(lines).encode())
        except OSError as error:
            log.warning(
                "%s cannot be written (%s): a new enrolment could not read what waits here", path, error.strerror
            )
    return AtRestCipher(*own, former=[key for key in reversed(kept) if key != own])


def kept_keys_file(directory: Path) -> Path:
    """Return the file beside the identity's folder in which the keys of all its enrolments are kept."""
    return directory.with_name(f"{directory.name}.store-keys")


def _read_kept(path: Path) -> tuple[tuple[str, bytes], ...]:
    """Oldest first. A line that is damaged is passed over: the others still open what they encrypted."""
    try:
        lines = path.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return ()
    keys = []
    for line in lines:
        station, _, secret = line.partition(" ")
        with contextlib.suppress(ValueError):
            if STATION_NAME.match(station) and len(key := bytes.fromhex(secret)) == STORE_KEY_BYTES:
                keys.append((station, key))
    return tuple(keys)


def _derived(station: str, secret: bytes) -> ChaCha20Poly1305:
    derivation = HKDF(hashes.SHA256(), 32, salt=None, info=msgspec.json.encode([CONTEXT, station]))
    return ChaCha20Poly1305(derivation.derive(secret))


def _bound_to(station: str, kind: str) -> bytes:
    return msgspec.json.encode([CONTEXT, station, kind])
