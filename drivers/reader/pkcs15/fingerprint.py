"""Card fingerprint for the same-card check of PKCS#15 cards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from drivers.reader.certificates.key_usage import is_authority
from drivers.reader.certificates.public_keys import PARSE_FAULTS
from drivers.reader.errors import CommandRefusedError
from drivers.reader.pkcs15.directory import (
    CardDirectory,
    CertificateFile,
    read_token_info,
)
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.values import Base, FilePath
from drivers.reader.tlv import MAX_BYTES, TlvError

IDENTITY_BYTES = 256
"""So much of a certificate says whose it is: its serial number and issuer come first (RFC 5280 4.1)."""
LEAST_BYTES = 128
"""Fewer bytes than this do not tell one certificate from another."""
_SEQUENCE_HEADER = 4
"""Bytes of a certificate's own tag and length, which an implicit tag replaces where it stands inside its entry."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Bytes to compare, on the same connection, before anything irreversible (reliability I2): the beginning of a
    certificate of the holder's, in which its serial number and issuer stand; of a card without any, its TokenInfo.

    An authority's certificate is on many cards, and a serial number may be constant. `seen` is empty where nothing tells the
    card from another: then it is never known to be the same.
    """

    where: FilePath
    seen: bytes


def fingerprint_of(files: CardFiles, directory: CardDirectory) -> Fingerprint:
    """From what was read already. Raises as `CardFiles.read`."""
    own = [file for file in directory.certificates if _is_holders(file)]
    in_files = (file.entry.value for file in own if isinstance(file.entry.value, FilePath))
    inside = (files.holding(file.der[_SEQUENCE_HEADER:]) for file in own)
    where = next((place for place in (*in_files, *inside) if place is not None), None)
    if where is None and not any(directory.token.serial.strip(b"0")):
        return Fingerprint(FilePath(files.base.token_info), b"")
    where = where or FilePath(files.base.token_info)
    whole = files.read(where.path)
    return Fingerprint(where, whole[where.index : _end(where)])


def _is_holders(file: CertificateFile) -> bool:
    """Neither an authority's nor damaged."""
    try:
        return not file.entry.authority and not is_authority(x509.load_der_x509_certificate(file.der))
    except PARSE_FAULTS:
        return False


def still_has(files: CardFiles, fingerprint: Fingerprint) -> bool:
    """Ask the card again: READ BINARY, after a SELECT where another file is selected or the answer is not the one that was
    seen; as much as the card gives at once. Raises CardGoneError, CardAnswerError, CommandRefusedError.
    """
    where, seen = fingerprint.where, fingerprint.seen
    if not seen:
        return False
    seen = seen[: max(LEAST_BYTES, files.habits.most)]
    end = where.index + len(seen)
    selected = files.read_selected(where.path, end)
    if selected is not None and selected[where.index : end] == seen:
        return True
    return files.read_again(where.path, end)[where.index : end] == seen


@dataclass(frozen=True, slots=True)
class CachedFiles:
    """A card as it was read before: where its application is, its files, and what makes it this card."""

    base: Base
    files: Mapping[bytes, bytes] = field(repr=False)
    fingerprint: Fingerprint


def read_serial_source(files: CardFiles) -> bytes:
    """Read what tells the serial of the application that was just entered; empty where nothing does.

    Raises CardGoneError, CardAnswerError.
    """
    try:
        return read_token_info(files)
    except (CommandRefusedError, TlvError):
        return b""


def restore_if_known(files: CardFiles, cached: CachedFiles) -> bool:
    """Ask the card for what makes it this card, and take its files from memory where it is. Raises as `read_serial_source`."""
    by_aid = files.base
    if by_aid.aid and not cached.base.aid:
        files.place_application(cached.base)
    try:
        same = still_has(files, cached.fingerprint)
    except (CommandRefusedError, TlvError):
        same = False
    if same:
        files.recall(cached.base, cached.files)
    elif files.base != by_aid:
        files.place_application(by_aid)
    return same


def _end(where: FilePath) -> int:
    return min(where.index + IDENTITY_BYTES, MAX_BYTES)
