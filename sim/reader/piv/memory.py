"""Memory of a PIV card besides its codes: a key for each slot, data objects, the management key.

The management key of a made-up card is the one that such cards leave the factory with and that their makers publish.
"""

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives import serialization

from sim.reader.keys import CardPrivateKey
from sim.reader.piv.references import AlgorithmReference

FACTORY_MANAGEMENT_KEY = bytes.fromhex("0102030405060708" * 3)


@dataclass(frozen=True, slots=True)
class PivMemory:
    """Keys by slot, objects by tag (the content of `53`, or of the discovery object's `7E`). Both change in place."""

    keys: dict[int, CardPrivateKey] = field(repr=False)
    objects: dict[int, bytes] = field(repr=False)
    generated: set[int]
    """Slots whose key was made on the card after it was issued."""
    management_algorithm: AlgorithmReference
    management_key: bytes = field(repr=False, default=FACTORY_MANAGEMENT_KEY)


def copy(memory: PivMemory) -> PivMemory:
    """The same with tables of its own."""
    tables = {"keys": dict(memory.keys), "objects": dict(memory.objects), "generated": set(memory.generated)}
    return replace(memory, **tables)  # type: ignore[arg-type]


def to_json(memory: PivMemory) -> dict[str, Any]:
    """Serialize for the card file."""
    return {
        "keys": {f"{slot:02X}": pem_of(key) for slot, key in memory.keys.items()},
        "objects": {f"{tag:X}": base64.b64encode(value).decode("ascii") for tag, value in memory.objects.items()},
        "generated": sorted(memory.generated),
        "management_algorithm": int(memory.management_algorithm),
        "management_key": memory.management_key.hex(),
    }


def from_json(document: dict[str, Any]) -> PivMemory:
    """Raises ValueError, KeyError, TypeError, AttributeError where that is no PIV memory."""
    return PivMemory(
        keys={int(slot, 16): key_of(pem) for slot, pem in document["keys"].items()},
        objects={int(tag, 16): base64.b64decode(text, validate=True) for tag, text in document["objects"].items()},
        generated=set(document["generated"]),
        management_algorithm=AlgorithmReference(document["management_algorithm"]),
        management_key=bytes.fromhex(document["management_key"]),
    )


def pem_of(key: CardPrivateKey) -> str:
    """PEM of the key: PKCS#8, unencrypted."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode("ascii")


def key_of(pem: str) -> CardPrivateKey:
    """Raises ValueError where that is no key of a card."""
    key = serialization.load_pem_private_key(pem.encode("ascii"), None)
    if not isinstance(key, CardPrivateKey):
        raise ValueError("key")
    return key
