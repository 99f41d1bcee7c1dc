"""What makes a PKCS#15 card this card, and whether the one in the reader is it.

>>> still_has(files, fingerprint_of(files, directory))        # doctest: +SKIP
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.reader.errors import CommandRefusedError
from drivers.reader.pkcs15.card import EF_TOKEN_INFO, TOKEN_INFO_SHORT_ID, CardDirectory, is_token_info
from drivers.reader.pkcs15.files import Base, CardFiles
from drivers.reader.pkcs15.values import FilePath
from drivers.reader.tlv import MAX_BYTES, TlvError

IDENTITY_BYTES = 256
"""So much of a certificate says whose it is: its serial number and issuer come first (RFC 5280 4.1)."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is compared, on the same connection, before anything irreversible (reliability I2): the beginning of one
    certificate, in which its serial number and issuer stand; of a card without any, its TokenInfo.

    A card's own serial number may be constant, a certificate never is on two cards.
    """

    where: FilePath
    seen: bytes


def fingerprint_of(files: CardFiles, directory: CardDirectory) -> Fingerprint:
    """From what was read already. Raises as `CardFiles.read`."""
    places = (c.entry.value for c in directory.certificates)
    where = next((place for place in places if isinstance(place, FilePath)), FilePath(EF_TOKEN_INFO))
    whole = files.read(where.path)
    return Fingerprint(where, whole[where.index : _end(where)])


def still_has(files: CardFiles, known: Fingerprint) -> bool:
    """Ask the card again: one SELECT, and READ BINARY. Raises CardGoneError, CardAnswerError, CommandRefusedError."""
    now = files.read_again(known.where.path, _end(known.where))
    return now[known.where.index : _end(known.where)] == known.seen


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """A card as it was read before: where its application is, its files, and what makes it this card."""

    base: Base
    files: Mapping[bytes, bytes] = field(repr=False)
    fingerprint: Fingerprint


def serial_told(files: CardFiles) -> bytes:
    """What tells the serial of the application that was just entered, at the cost of one exchange; empty where more
    would be needed. Raises CardGoneError, CardAnswerError.
    """
    return files.read_short(TOKEN_INFO_SHORT_ID, EF_TOKEN_INFO, is_token_info) or b""


def is_known(files: CardFiles, known: KnownFiles) -> bool:
    """Ask the card for what makes it this card, and take its files from memory where it is. Raises as `serial_told`."""
    try:
        same = still_has(files, known.fingerprint)
    except (CommandRefusedError, TlvError):
        return False
    if same:
        files.recall(known.base, known.files)
    return same


def _end(where: FilePath) -> int:
    return min(where.index + IDENTITY_BYTES, MAX_BYTES)
