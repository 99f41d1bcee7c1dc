"""Challenge-response with the cards' own keys, at the server: a challenge comes, its cipher text goes, the key never does.

The file (mode 0600, beside the server's other keys) names keys for single cards, and `*` for those whose management key is the
maker's:

    {"management": {"*": [{"algorithm": "AES-192", "key": "base64"}]},
     "unblock": {"9999000020260001": [{"algorithm": "AES-256", "key": "base64", "serial": "98110001", "check": "7298CA"}]}}

Rules: a wrong answer costs one of the few tries of a card's key, so a PIN is unlocked only by a key that is that card's alone;
where `serial` is given, only on the card that tells that serial number. `check` is the key check value: the first three bytes
of a block of zeros under the key (ANSI X9.24-1, "KCV"). A key that does not fit it is not loaded.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Algorithm = Literal["3DES", "AES-128", "AES-192", "AES-256"]
Use = Literal["management", "unblock"]
ANY_CARD = "*"
CHECK_BYTES = 3
_KEY_BYTES: dict[Algorithm, int] = {"3DES": 24, "AES-128": 16, "AES-192": 24, "AES-256": 32}
BLOCK_BYTES: dict[Algorithm, int] = {"3DES": 8, "AES-128": 16, "AES-192": 16, "AES-256": 16}


class CardKeysError(Exception):
    """The file cannot be used. The text names it and what is wrong, never a key."""


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    algorithm: Algorithm
    key: str
    serial: str = ""
    check: str = ""


class HeldKey(NamedTuple):
    """A key of one card. `serial`: the card's serial number as hex, empty where the file does not tell it."""

    algorithm: Algorithm
    key: bytes
    serial: str = ""

    @property
    def check(self) -> str:
        """The key check value, as hex."""
        zeros = bytes(BLOCK_BYTES[self.algorithm])
        return _cipher(self).encryptor().update(zeros)[:CHECK_BYTES].hex().upper()

    def is_of(self, serial: str) -> bool:
        """Return whether this may be the key of the card that tells that serial number."""
        return self.serial.upper() in ("", serial.upper())


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    management: dict[str, list[_Key]] = {}
    unblock: dict[str, list[_Key]] = {}


class CardKeys:
    """Keys by use and card number; a card has one of each algorithm."""

    def __init__(self, keys: Mapping[tuple[Use, str], Sequence[HeldKey]]) -> None:
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> "CardKeys":
        """Read the file; without one there are no keys. Raises CardKeysError."""
        if not path.exists():
            return cls({})
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            return cls({**_keys("management", file.management), **_keys("unblock", file.unblock)})
        except OSError as error:
            raise CardKeysError(f"{path}: {error.strerror}") from None
        except _WrongKeyError as error:
            raise CardKeysError(f"{path}: {error}") from None
        except (msgspec.MsgspecError, ValueError):
            raise CardKeysError(f"{path}: not a file of cards' keys (see docs/operations-reference.md)") from None

    def answer(
        self, use: Use, card_number: str, algorithm: Algorithm | None, challenge: bytes, serial: str = ""
    ) -> bytes | None:
        """The challenge enciphered as one block; None where no key of that kind is known to be that card's."""
        shared = self._keys.get((use, ANY_CARD), ()) if use == "management" else ()
        fitting = [
            card_key
            for card_key in self._keys.get((use, card_number)) or shared
            if algorithm in (None, card_key.algorithm)
            and len(challenge) == BLOCK_BYTES[card_key.algorithm]
            and (use == "management" or card_key.is_of(serial))
        ]
        if not fitting:
            return None
        encryptor = _cipher(fitting[0]).encryptor()
        return encryptor.update(challenge) + encryptor.finalize()

    def serial(self, use: Use, card_number: str) -> str:
        """Serial number (hex) of the card that has this key; empty where the file tells none."""
        return next((card_key.serial for card_key in self._keys.get((use, card_number), ())), "")

    def prove(
        self, card_number: str, algorithm: Algorithm, witness: bytes, challenge: bytes
    ) -> tuple[bytes, bytes] | None:
        """The witness deciphered, and the challenge enciphered, under the management key that is this card's alone.

        None where it has none of its own: a key that cards share proves no card.
        """
        own = [
            card_key for card_key in self._keys.get(("management", card_number), ()) if card_key.algorithm == algorithm
        ]
        if not own or {len(witness), len(challenge)} != {BLOCK_BYTES[algorithm]}:
            return None
        cipher = _cipher(own[0])
        decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
        plain = decryptor.update(witness) + decryptor.finalize()
        return plain, encryptor.update(challenge) + encryptor.finalize()


class _WrongKeyError(Exception):
    """A key of the file is not one. The text names the card, never the key."""


def _cipher(card_key: HeldKey) -> Cipher[modes.ECB]:
    kind = TripleDES(card_key.key) if card_key.algorithm == "3DES" else algorithms.AES(card_key.key)
    return Cipher(kind, modes.ECB())  # noqa: S305 - the standard asks for single blocks


def _keys(use: Use, named: dict[str, list[_Key]]) -> dict[tuple[Use, str], list[HeldKey]]:
    """Raises ValueError for what is no base64, _WrongKeyError."""
    return {
        (use, card): [_held(f"{use}.{card}: {entry.algorithm}", entry) for entry in keys]
        for card, keys in named.items()
    }


def _held(name: str, entry: _Key) -> HeldKey:
    card_key = HeldKey(entry.algorithm, base64.b64decode(entry.key, validate=True), entry.serial)
    if len(card_key.key) != _KEY_BYTES[card_key.algorithm]:
        raise _WrongKeyError(f"{name} takes {_KEY_BYTES[card_key.algorithm]} bytes")
    if entry.check.upper() not in ("", card_key.check):
        raise _WrongKeyError(f"{name}: not the key of its check value")
    return card_key
