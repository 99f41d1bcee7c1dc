"""Files that were written on a card after it was issued, and how its card file keeps them.

>>> files_from_json(files_to_json({0x4401: None}))
{17409: None}
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from sim.reader.keys import CardPrivateKey
from sim.reader.piv.memory import key_of, pem_of


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of the application, created or updated. `size` is that of its content, or of a key in bits."""

    descriptor: int
    rights: bytes
    size: int
    content: bytes = field(default=b"", repr=False)
    """Of a key file: nothing."""
    private: CardPrivateKey | None = field(default=None, repr=False)
    """The key in a key file, once one was made."""


Written = dict[int, WrittenFile | None]
"""By file identifier; None for a file that was deleted. Changes in place."""


def files_to_json(written: Written) -> dict[str, Any]:
    """Serialize written files for the card file."""
    return {f"{number:04X}": None if file is None else _to_json(file) for number, file in written.items()}


def files_from_json(document: dict[str, Any]) -> Written:
    """Raises ValueError, KeyError, TypeError, AttributeError where that is not what was written."""
    return {int(number, 16): None if entry is None else _from_json(entry) for number, entry in document.items()}


def _to_json(file: WrittenFile) -> dict[str, Any]:
    return {
        "descriptor": file.descriptor,
        "rights": file.rights.hex(),
        "size": file.size,
        "content": base64.b64encode(file.content).decode("ascii"),
        "private": None if file.private is None else pem_of(file.private),
    }


def _from_json(entry: dict[str, Any]) -> WrittenFile:
    file = WrittenFile(
        descriptor=int(entry["descriptor"]),
        rights=bytes.fromhex(entry["rights"]),
        size=int(entry["size"]),
        content=base64.b64decode(entry["content"], validate=True),
        private=None if entry["private"] is None else key_of(entry["private"]),
    )
    if len(file.rights) != len(b"\x0f\xff\xff") or not 0 <= file.size <= 0xFFFF:
        raise ValueError("file")
    return file
