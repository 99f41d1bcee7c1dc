"""Pairing file: the board's id and the key that station and board share.

Rules: the file is JSON, `{"board": "e6614c311b7f4e21", "key": "...64 hexadecimal digits..."}`; a file that others can read is
refused, and no error tells the key.

>>> Pairing("e6614c311b7f4e21", Secret("00" * 32)).key_bytes() == bytes(32)
True
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from drivers.reader.secret import Secret

KEY_BYTES = 32
_HEX_KEY = re.compile(r"[0-9a-f]{64}")
_BOARD = re.compile(r"[0-9a-f]{4,32}")


class PairingError(ValueError):
    """The file cannot be used; the text names it and why, never what is in it."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """`board` is the board's own number, in hexadecimal; `key` 64 hexadecimal digits."""

    board: str
    key: Secret

    def key_bytes(self) -> bytes:
        """The key itself, 32 bytes, for the code that authenticates frames."""
        return bytes.fromhex(self.key.reveal())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises PairingError; FileNotFoundError where nothing has been paired yet."""
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise PairingError(f"{path} can be read by others: chmod 600 it, and pair again")
                content = json.loads(file.read(4096))
            board, key = content["board"], content["key"]
        except FileNotFoundError:
            raise
        except OSError as error:
            raise PairingError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            if isinstance(error, PairingError):
                raise
            raise PairingError(f"{path} is no pairing file") from None
        if not (
            isinstance(board, str) and isinstance(key, str) and _BOARD.fullmatch(board) and _HEX_KEY.fullmatch(key)
        ):
            raise PairingError(f"{path} is no pairing file")
        return cls(board, Secret(key))

    def save(self, path: Path) -> None:
        """Write the file for its owner alone, whole or not at all. Raises OSError."""
        draft = path.with_name(f".{path.name}.draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump({"board": self.board, "key": self.key.reveal()}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def pairing_of(path: Path) -> Pairing | None:
    """The pairing in that file, or None where nothing has been paired yet. Raises PairingError."""
    try:
        return Pairing.load(path)
    except FileNotFoundError:
        return None
