"""Envelope check: is this the code of that envelope? The only code that sees a PUK, and the only holder of the issuer's keys.

Rules: the seal is HPKE (RFC 9180, base mode: DHKEM X25519 HKDF-SHA256, HKDF-SHA256, ChaCha20-Poly1305), bound to
station, order and nonce; the issuer's HMAC-SHA-256 is made again and compared in constant time. A seal that does not
open, an order or key that is not known and a wrong code take the same steps, on stand-ins where something is missing,
and end in the same `False`. No code is kept, logged or named in an error.

Checksums of the keys: `key-sums.json` beside the keys has the SHA-256 of each; it is written where it is missing, and a key that
is new is added. A key that is another than before, or is missing, is an error; of the private keys the next one may become the
one in use, and the older one go. A folder that cannot be written is left as it is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fleet.messages.link import envelope_info, envelope_mac_input, release_code, release_info, release_mac_input
from fleet.server.verifier.model import MAX_SEALED_CHARACTERS, Check, EnvelopeFacts
from provisioning.files import write_json

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
KEY_BYTES = 32
ENVELOPE_KEYS = "envelope-keys.json"


SUMS_FILE = "key-sums.json"
IN_USE, NEXT = "hpke.key", "hpke-next.key"

_log = logging.getLogger(__name__)


class KeySumError(Exception):
    """A key is not what it was. The text names it and says what to do."""


def check_sums(directory: Path, keys: Mapping[str, bytes]) -> None:
    """Compare the keys, by name, with what they were, and note them. Raises KeySumError, OSError."""
    path = directory / SUMS_FILE
    sums = {name: hashlib.sha256(key).hexdigest() for name, key in keys.items()}
    noted = _noted(path)
    is_rotated = noted.get(NEXT) == sums[IN_USE] != noted.get(IN_USE)
    changed = [name for name in noted if sums.get(name) != noted[name] and name not in (IN_USE, NEXT)]
    if IN_USE in noted and sums[IN_USE] != noted[IN_USE] and not is_rotated:
        changed.append(IN_USE)
    if NEXT in noted and sums.get(NEXT, noted[NEXT]) != noted[NEXT] and not is_rotated:
        changed.append(NEXT)
    if changed:
        raise KeySumError(
            f"{', '.join(sorted(changed))} is not what it was ({SUMS_FILE}): damaged, restore it from the back-up; where you have"
            f" changed or removed a key yourself, remove {path}"
        )
    if sums != noted:
        _note(path, sums)


def _noted(path: Path) -> dict[str, str]:
    try:
        noted = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        noted = None
    if not isinstance(noted, dict):
        raise KeySumError(f"{SUMS_FILE} is damaged: compare the keys with the back-up, and remove {path}")
    return noted


def _note(path: Path, sums: dict[str, str]) -> None:
    try:
        write_json(path, sums)
    except OSError as error:
        _log.warning("%s: the keys have no checksum, which cannot be written: %s", path, error.strerror)


class KeysError(Exception):
    """The verifier's keys cannot be used. The text names the file and the reason, never what is in it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The verifier's private key, the issuer's HMAC keys by id, and the private key that a rotation has made beside it."""

    private: X25519PrivateKey = field(repr=False)
    envelope: dict[str, bytes] = field(repr=False)
    following: X25519PrivateKey | None = field(default=None, repr=False)

    @classmethod
    def load(cls, directory: Path) -> "Keys":
        """Read `hpke.key`, `envelope-keys.json` and, while keys are rotated, `hpke-next.key`, and compare them with their
        checksums. Raises KeysError."""
        following = directory / NEXT
        keys = cls(
            _private_key(directory / IN_USE),
            _envelope_keys(directory / ENVELOPE_KEYS),
            _private_key(following) if following.exists() else None,
        )
        try:
            check_sums(directory, keys.by_name())
        except KeySumError as error:
            raise KeysError(f"{directory}: {error}") from None
        except OSError as error:
            raise KeysError(f"{directory / SUMS_FILE}: {error.strerror}") from None
        return keys

    def by_name(self) -> dict[str, bytes]:
        """Each key under its file, and its id where a file has several."""
        named = {f"{ENVELOPE_KEYS} {key_id}": key for key_id, key in self.envelope.items()}
        named[IN_USE] = self.private.private_bytes_raw()
        if self.following is not None:
            named[NEXT] = self.following.private_bytes_raw()
        return named

    @property
    def private_keys(self) -> tuple[X25519PrivateKey, ...]:
        """All of which stations may know the public one."""
        return (self.private,) if self.following is None else (self.private, self.following)


class Judge:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._stand_in_key = secrets.token_bytes(KEY_BYTES)
        self._stand_in = EnvelopeFacts(card_number="0" * 12, key="", mac=secrets.token_hex(32))

    def has_key(self, check: Check) -> bool:
        """Return whether the issuer's key of the order's letter is here; an order that is not known wants none."""
        return check.envelope is None or check.envelope.key in self._keys.envelope

    def is_match(self, check: Check) -> bool:
        """Return whether the sealed code is the one that the issuer made the order's HMAC over."""
        facts = check.envelope or self._stand_in
        key = self._keys.envelope.get(facts.key)
        code = self._opened(check)
        compare = self._is_release if check.what == "release" else self._is_puk
        equal = compare(key or self._stand_in_key, check.order, facts, code or "00000000")
        return equal and check.envelope is not None and key is not None and code is not None

    @staticmethod
    def _is_puk(key: bytes, order: str, facts: EnvelopeFacts, code: str) -> bool:
        made = hmac.digest(key, envelope_mac_input(facts.card_number, code), hashlib.sha256)
        return hmac.compare_digest(made, _mac(facts.mac))

    @staticmethod
    def _is_release(key: bytes, order: str, facts: EnvelopeFacts, code: str) -> bool:
        made = hmac.digest(key, release_mac_input(order, facts.card_number, facts.mac), hashlib.sha256)
        return hmac.compare_digest(release_code(made).encode(), code.encode())

    def _opened(self, check: Check) -> str | None:
        """With each of the private keys in turn, also after one has opened it: the work says nothing of the station."""
        try:
            sealed = base64.b64decode(check.sealed[:MAX_SEALED_CHARACTERS], validate=True)
        except (ValueError, binascii.Error):
            return None
        bound_to = release_info if check.what == "release" else envelope_info
        info = bound_to(check.station, check.order, check.nonce)
        opened = [_decrypt(sealed, key, info) for key in self._keys.private_keys]
        return next((code for code in opened if code is not None), None)


def _decrypt(sealed: bytes, key: X25519PrivateKey, info: bytes) -> str | None:
    try:
        return SUITE.decrypt(sealed, key, info).decode("ascii")
    except (InvalidTag, ValueError):
        return None


def envelope_digest(order: str, facts: EnvelopeFacts | None, code: str) -> str:
    """Return the digest that stands for an envelope in the counters: another letter for the same order is another
    envelope, and each of its two codes has tries of its own."""
    parts = [order, facts.card_number, facts.mac] if facts else [order]
    parts += ["release"] if code == "release" else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _mac(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _private_key(path: Path) -> X25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise KeysError(
            f"{path}: {error.strerror if isinstance(error, OSError) else 'no private key in PEM'}"
        ) from None
    if not isinstance(key, X25519PrivateKey):
        raise KeysError(f"{path}: not an X25519 key")
    return key


def _envelope_keys(path: Path) -> dict[str, bytes]:
    try:
        content = json.loads(path.read_text("utf-8"))
        keys = {str(name): base64.b64decode(value, validate=True) for name, value in content.items()}
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError):
        raise KeysError(f"{path}: must be a JSON object of key id and base64") from None
    if any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeysError(f"{path}: each key has {KEY_BYTES} bytes")
    return keys
