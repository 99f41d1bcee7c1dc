"""Challenge-response with the cards' own keys, at the server: a challenge comes, its cipher text goes, the key never does.

The file (mode 0600, beside the server's other keys) names keys for single cards, and `*` for those that share one as they come
from the maker:

    {"management": {"*": [{"algorithm": "AES-192", "key": "base64"}]}, "unblock": {"9999000020260001": [{...}]}}
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Algorithm = Literal["3DES", "AES-128", "AES-192", "AES-256"]
Use = Literal["management", "unblock"]
ANY_CARD = "*"
_KEY_BYTES: dict[Algorithm, int] = {"3DES": 24, "AES-128": 16, "AES-192": 24, "AES-256": 32}
BLOCK_BYTES: dict[Algorithm, int] = {"3DES": 8, "AES-128": 16, "AES-192": 16, "AES-256": 16}


class CardKeysError(Exception):
    """The file cannot be used. The text names it and what is wrong, never a key."""


class _Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    algorithm: Algorithm
    key: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    management: dict[str, list[_Key]] = {}
    unblock: dict[str, list[_Key]] = {}


class CardKeys:
    """Keys by use and card number; a card has one of each algorithm."""

    def __init__(self, keys: Mapping[tuple[Use, str], Sequence[tuple[Algorithm, bytes]]]) -> None:
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> "CardKeys":
        """Read the file; without one there are no keys. Raises CardKeysError."""
        if not path.exists():
            return cls({})
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
            keys = {**_keys("management", file.management), **_keys("unblock", file.unblock)}
        except OSError as error:
            raise CardKeysError(f"{path}: {error.strerror}") from None
        except (msgspec.MsgspecError, ValueError):
            raise CardKeysError(f"{path}: not a file of cards' keys (see docs/operations.md)") from None
        for (use, card), held in keys.items():
            for algorithm, key in held:
                if len(key) != _KEY_BYTES[algorithm]:
                    raise CardKeysError(f"{path}: {use}.{card}: {algorithm} takes {_KEY_BYTES[algorithm]} bytes")
        return cls(keys)

    def answer(self, use: Use, card_number: str, algorithm: Algorithm | None, challenge: bytes) -> bytes | None:
        """The challenge enciphered as one block; None where there is no key of that kind for that card."""
        held = self._keys.get((use, card_number)) or self._keys.get((use, ANY_CARD)) or ()
        fitting = [one for one in held if algorithm in (None, one[0]) and len(challenge) == BLOCK_BYTES[one[0]]]
        if not fitting:
            return None
        encryptor = _cipher(*fitting[0]).encryptor()
        return encryptor.update(challenge) + encryptor.finalize()

    def prove(
        self, card_number: str, algorithm: Algorithm, witness: bytes, challenge: bytes
    ) -> tuple[bytes, bytes] | None:
        """The witness deciphered, and the challenge enciphered, under the management key that is this card's alone.

        None where it has none of its own: a key that cards share proves no card.
        """
        own = [key for kind, key in self._keys.get(("management", card_number), ()) if kind == algorithm]
        if not own or {len(witness), len(challenge)} != {BLOCK_BYTES[algorithm]}:
            return None
        cipher = _cipher(algorithm, own[0])
        decryptor, encryptor = cipher.decryptor(), cipher.encryptor()
        plain = decryptor.update(witness) + decryptor.finalize()
        return plain, encryptor.update(challenge) + encryptor.finalize()


def _cipher(algorithm: Algorithm, key: bytes) -> Cipher[modes.ECB]:
    kind = TripleDES(key) if algorithm == "3DES" else algorithms.AES(key)
    return Cipher(kind, modes.ECB())  # noqa: S305 - the standard asks for single blocks


def _keys(use: Use, named: dict[str, list[_Key]]) -> dict[tuple[Use, str], list[tuple[Algorithm, bytes]]]:
    """Raises ValueError for what is no base64."""
    return {
        (use, card): [(one.algorithm, base64.b64decode(one.key, validate=True)) for one in held]
        for card, held in named.items()
    }
