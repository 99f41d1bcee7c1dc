"""Checksums of the verifier's keys: each 32 bytes are a key, so nothing in a damaged one says that it is damaged.

Rules: `key-sums.json` beside the keys has the SHA-256 of each; it is written where it is missing, and a key that is new is added.
A key that is another than before, or is missing, is an error; of the private keys the next one may become the one in use, and the
older one go. A folder that cannot be written is left as it is.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from provisioning.files import write_json

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
