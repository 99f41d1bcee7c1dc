"""A virtual card's memory as a file: JSON, mode 0600, replaced as a whole so that a crash leaves the old or the new.

The file holds keys and codes in the clear, and says that they are made up. A file that cannot be understood is
named and left as it is.
"""

import base64
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sim.reader import traits
from sim.reader.keys import PURPOSES as PURPOSES
from sim.reader.keys import CardPrivateKey
from sim.reader.keys import StoredKey as StoredKey
from sim.reader.persona import Persona
from sim.reader.piv import memory as piv
from sim.reader.piv.memory import PivMemory
from sim.reader.pkcs15_codes import StoredCode
from sim.reader.pki import KeyPurpose
from sim.reader.shapes import SHAPES
from sim.reader.written_files import Written, files_from_json, files_to_json

FORMAT = 1
NOTICE = "A made-up test card of kortkiosk. Its keys and codes protect nothing."
PIV_KINDS = ("C", "D")
_OWN: KeyPurpose = "card"


class CardFileError(ValueError):
    """A card file that cannot be used. Nothing was written to it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CardMemory:
    """All that a card keeps without power."""

    kind: str
    persona: Persona
    pin: StoredCode
    puk: StoredCode
    keys: tuple[StoredKey, ...]
    """As issued, identification first, the holder's own pair before others (`sim.reader.shapes`); then the card's own, where it
    has one that wants no code."""
    piv: PivMemory | None = None
    """What a PIV card keeps besides."""
    signature_pin: StoredCode | None = None
    """On a card with two PINs: the one of the signature key."""
    administrator: StoredCode | None = None
    """The administrative key, where the card has one."""
    written: Written = field(default_factory=dict)
    """Files that were written after the card was issued."""
    traits: tuple[str, ...] = ()
    """In what it differs from others of its kind: names of `sim.reader.traits`."""
    authorities: tuple[x509.Certificate, ...] = ()
    """Certificates of its issuers that lie beside the holder's."""


def copy(memory: CardMemory) -> CardMemory:
    """The same memory with codes, objects and files that change apart; keys and certificates never change."""
    return replace(
        memory,
        pin=replace(memory.pin),
        puk=replace(memory.puk),
        piv=None if memory.piv is None else piv.copy(memory.piv),
        signature_pin=None if memory.signature_pin is None else replace(memory.signature_pin),
        administrator=None if memory.administrator is None else replace(memory.administrator),
        written=dict(memory.written),
    )


def write(path: Path, memory: CardMemory) -> None:
    """Make the memory durable (temporary file, sync, rename). Raises OSError."""
    text = json.dumps(_to_json(memory), indent=1, ensure_ascii=False) + "\n"
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path) -> CardMemory:
    """Read a card file. Raises CardFileError, which names the file and never what is in it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise CardFileError(path, f"not a card file of format {FORMAT}")
        return _from_json(document)
    except OSError as error:
        raise CardFileError(path, error.strerror or "cannot be read") from error
    except KeyError as error:
        raise CardFileError(path, f"damaged card file: {error} is missing") from error
    except CardFileError:
        raise
    except (ValueError, TypeError, AttributeError):
        # Not chained: a parser's message may quote what it read, and that may be a key or a code.
        raise CardFileError(path, "damaged card file") from None


def _to_json(memory: CardMemory) -> dict[str, Any]:
    document: dict[str, Any] = {
        "what": NOTICE,
        "format": FORMAT,
        "kind": memory.kind,
        "persona": {name: value for name, value in asdict(memory.persona).items() if name != "signature_pin" or value},
        "pin": _code_to_json(memory.pin),
        "puk": _code_to_json(memory.puk),
        "keys": [_key_to_json(key) for key in memory.keys],
    }
    if memory.piv is not None:
        document["piv"] = piv.to_json(memory.piv)
    if memory.signature_pin is not None:
        document["signature_pin"] = _code_to_json(memory.signature_pin)
    if memory.administrator is not None:
        document["administrator"] = _code_to_json(memory.administrator)
    if memory.traits:
        document["traits"] = list(memory.traits)
    if memory.authorities:
        document["authorities"] = [_certificate_to_json(certificate) for certificate in memory.authorities]
    if memory.written:
        document["written"] = files_to_json(memory.written)
    return document


def _from_json(document: dict[str, Any]) -> CardMemory:
    memory = CardMemory(
        kind=str(document["kind"]),
        persona=Persona(**document["persona"]),
        pin=_code_from_json(document["pin"]),
        puk=_code_from_json(document["puk"]),
        keys=tuple(_key_from_json(entry) for entry in document["keys"]),
        piv=piv.from_json(document["piv"]) if "piv" in document else None,
        signature_pin=_code_from_json(document["signature_pin"]) if "signature_pin" in document else None,
        administrator=_code_from_json(document["administrator"]) if "administrator" in document else None,
        written=files_from_json(document.get("written", {})),
        traits=traits.check(document.get("traits", []), str(document["kind"])),
        authorities=tuple(map(_certificate_from_json, document.get("authorities", []))),
    )
    pairs = 1 + len(SHAPES[memory.persona.shape].beside)
    if tuple(key.purpose for key in memory.keys if key.purpose != "card") not in (
        (),
        PURPOSES * pairs,
    ):  # none: a blank card
        raise ValueError("keys")
    if len(bytes.fromhex(memory.persona.serial)) != 10:
        raise ValueError("serial")
    if (memory.piv is not None) != (memory.kind in PIV_KINDS):
        raise ValueError("kind")
    return memory


def _code_to_json(code: StoredCode) -> dict[str, Any]:
    return {"value": code.value.decode("latin-1"), "tries_left": code.tries_left, "tries_max": code.tries_max}


def _code_from_json(entry: dict[str, Any]) -> StoredCode:
    left, most = entry["tries_left"], entry["tries_max"]
    if not (isinstance(left, int) and isinstance(most, int) and 0 <= left <= most <= 15 and most > 0):
        raise ValueError("tries")
    return StoredCode(entry["value"].encode("latin-1"), left, most)


def _key_to_json(key: StoredKey) -> dict[str, str]:
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "purpose": key.purpose,
        "private": pem.decode("ascii"),
        "certificate": _certificate_to_json(key.certificate),
    }


def _certificate_to_json(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii")


def _certificate_from_json(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))


def _key_from_json(entry: dict[str, str]) -> StoredKey:
    private = serialization.load_pem_private_key(entry["private"].encode("ascii"), None)
    if not isinstance(private, CardPrivateKey):
        raise ValueError("key")
    purpose = next(candidate for candidate in (*PURPOSES, _OWN, None) if candidate in (entry["purpose"], None))
    if purpose is None:
        raise ValueError("purpose")
    return StoredKey(purpose, private, _certificate_from_json(entry["certificate"]))
