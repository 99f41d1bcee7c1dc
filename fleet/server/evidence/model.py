"""Types of the members of an evidence file, shared by its writer and its verifier.

Rules: everything is JSON, read strictly. The lines of a chain hold the exact text of each envelope, since that is what is hashed;
data and salt stand beside it only where they were asked for and still exist.

>>> chain_name("entre-a", 1, 17)
'chain/entre-a.1.0000000000000017.jsonl'
"""

import re
from typing import Literal

import msgspec

FORMAT = "kortkiosk-evidence"
VERSION = 3
READ = (2, 3)
"""Version 1 had neither revocations nor countersignatures; a file of it is not believed for having less to say. Version 2 had no
differences, and called each place without an event `missing`."""
TYP = "kortkiosk.evidence+jws"
SERVER_NAME = "fleet-server"
"""Common name of the certificate that seals evidence; no station is ever given it."""

README, CA, REVOCATIONS, COUNTERSIGNATURES = "README.txt", "ca.pem", "crl.pem", "countersignatures.jsonl"
DIFFERENCES, AUDIT, MANIFEST, SEAL = "differences.jsonl", "audit.jsonl", "manifest.json", "manifest.jws"
CHAIN_NAME = re.compile(r"chain/([a-z0-9-]{1,40})\.([0-9]{1,16})\.([0-9]{16})\.jsonl\Z")
CERTIFICATE_NAME = re.compile(r"certificates/([a-z0-9-]{1,40})\.([0-9]{1,16})\.([0-9]{1,3})\.pem\Z")
RECEIPT_NAME = re.compile(r"receipts/([A-Za-z0-9][A-Za-z0-9-]{0,63})\.json\Z")

Kind = Literal["errand", "card", "order", "station"]
Withheld = Literal["not_asked", "erased", "spoilt", "missing", "gone", "lost"]
"""Why something is not there: it was not asked for; it has been erased; it could not be read when it came; it never came. And
what must not be: content is `gone` that nobody erased; an event is `lost` that the server held."""


class EvidenceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Subject of the evidence. `first` and `last` (days, ISO 8601, inclusive) narrow it, by the station's clock in UTC."""

    kind: Kind
    value: str
    first: str | None = None
    last: str | None = None


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content that the server signs. `made` is RFC 3339 in UTC; `files` are all members but this and its signature, in order."""

    format: str
    version: int
    made: str
    asked: EvidenceRequest
    files: tuple[FileEntry, ...]


class ChainLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One place of a chain. `envelope` is null where none is held (`spoilt`, `missing`, `lost`); data and salt come together."""

    sequence: int
    envelope: str | None = None
    data: str | None = None
    salt: str | None = None
    withheld: Withheld | None = None


class AuditLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the server's own record: its exact text, and the SHA-256 of it."""

    sequence: int
    hash: str
    entry: str


class CountersignatureLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The server's word about the checkpoint at `sequence` (of its own event), and its time stamp: base64 of the DER of an
    RFC 3161 token over the exact text of `jws`."""

    station: str
    epoch: int
    sequence: int
    jws: str
    token: str | None = None


class ReceiptData(msgspec.Struct):
    """Of the data of a receipt.issued: the number, and the receipt's exact bytes."""

    number: str
    receipt: msgspec.Raw


class CheckpointData(msgspec.Struct):
    """Of the data of a chain.checkpoint: the signed statement."""

    jws: str


def chain_name(station: str, epoch: int, first: int) -> str:
    """The member that holds a part of a chain, from that sequence on."""
    return f"chain/{station}.{epoch}.{first:016}.jsonl"


def certificate_name(station: str, epoch: int, number: int) -> str:
    """The member that holds a certificate of a station, counted from 1."""
    return f"certificates/{station}.{epoch}.{number}.pem"
