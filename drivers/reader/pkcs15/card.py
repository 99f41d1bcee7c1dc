"""One PKCS#15 application: found, and its directory read.

How it is found (most certain first): the path or AID in EF.DIR, an AID that a product profile names, the AID of PKCS#15
itself, the DF `5015`, and last an ODF directly under the MF. The first whose EF(ODF) can be read is the one.

>>> read_directory(CardFiles(channel), extra_aids=()).token.label        # doctest: +SKIP
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from drivers.reader import public_keys, tlv
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.files import Base, CardFiles
from drivers.reader.pkcs15.objects import MAX_ENTRIES
from drivers.reader.pkcs15.values import (
    ApplicationEntry,
    CertificateObject,
    CodeObject,
    Directory,
    FilePath,
    KeyObject,
    TokenInfo,
)
from drivers.reader.tlv import MAX_BYTES, TlvError

T = TypeVar("T")
PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
"""RID of RSA Security and "PKCS-15" (ISO/IEC 7816-15 6.4)."""
EF_DIR = MF + b"\x2f\x00"
EF_ODF = b"\x50\x31"
EF_TOKEN_INFO = b"\x50\x32"
DF_PKCS15 = MF + b"\x50\x15"
IDENTITY_BYTES = 256
"""So much of a certificate says whose it is: its serial number and issuer come first (RFC 5280 4.1)."""
_NEEDED = (
    Directory.AUTHENTICATION,
    Directory.PRIVATE_KEYS,
    Directory.CERTIFICATES,
    Directory.TRUSTED_CERTIFICATES,
    Directory.USEFUL_CERTIFICATES,
)
"""What identification reads; the rest only costs time."""
_CERTIFICATE_DIRECTORIES = (
    Directory.CERTIFICATES,
    Directory.TRUSTED_CERTIFICATES,
    Directory.USEFUL_CERTIFICATES,
)


class NoApplicationError(Exception):
    """There is no PKCS#15 application; `tried` says where it was looked for."""

    def __init__(self, tried: tuple[str, ...]) -> None:
        super().__init__("no PKCS#15 application")
        self.tried = tried


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A certificate of the directory and its DER."""

    entry: CertificateObject
    der: bytes


@dataclass(frozen=True, slots=True)
class CardDirectory:
    """Everything that the card says about itself."""

    aid: bytes
    token: TokenInfo
    codes: tuple[CodeObject, ...]
    keys: tuple[KeyObject, ...]
    certificates: tuple[CertificateFile, ...]


def find_application(files: CardFiles, extra_aids: tuple[bytes, ...]) -> bytes:
    """Set `files.base` to the application and give its AID (empty where it has none).

    Raises NoApplicationError, and CardGoneError where the card left.
    """
    tried: list[str] = []
    for base, aid in _candidates(_applications(files, tried), extra_aids):
        files.base = base
        tried.append(f"AID {base.aid.hex().upper()}" if base.aid else f"DF {base.path.hex().upper()}")
        if _has_odf(files):
            return aid
    raise NoApplicationError(tuple(tried))


def _applications(files: CardFiles, tried: list[str]) -> tuple[ApplicationEntry, ...]:
    tried.append("EF.DIR")
    try:
        return objects.parse_dir(files.read(EF_DIR))
    except (CommandRefusedError, TlvError):
        return ()


def _candidates(entries: tuple[ApplicationEntry, ...], extra_aids: tuple[bytes, ...]) -> list[tuple[Base, bytes]]:
    wanted = (PKCS15_AID, *extra_aids)
    ours = [entry for entry in entries if entry.aid.startswith(wanted)] or [e for e in entries if e.path]
    found: list[tuple[Base, bytes]] = []
    for entry in ours:
        if entry.path:
            found.append((Base(_from_mf(entry.path)), entry.aid))
        if entry.aid:
            found.append((Base(aid=entry.aid), entry.aid))
    found += [(Base(aid=aid), aid) for aid in (*extra_aids, PKCS15_AID)]
    found += [(Base(DF_PKCS15), b""), (Base(MF), b"")]
    return list(dict.fromkeys(found))


def _from_mf(path: bytes) -> bytes:
    return path if path[:2] == MF else MF + path


def _has_odf(files: CardFiles) -> bool:
    try:
        return bool(objects.parse_odf(files.read(EF_ODF)))
    except (CommandRefusedError, TlvError):
        return False


def read_directory(files: CardFiles, aid: bytes) -> CardDirectory:
    """Read codes, keys and certificates of the application at `files.base`.

    Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError.
    """
    odf = objects.parse_odf(files.read(EF_ODF))
    contents: dict[Directory, list[bytes]] = {}
    for entry in odf:
        if entry.directory in _NEEDED:
            contents.setdefault(entry.directory, []).append(_content(files, entry.value))
    return CardDirectory(
        aid=aid,
        token=objects.parse_token_info(files.read(EF_TOKEN_INFO)),
        codes=_some(objects.parse_codes, contents.get(Directory.AUTHENTICATION, [])),
        keys=_some(objects.parse_keys, contents.get(Directory.PRIVATE_KEYS, [])),
        certificates=_certificates(files, contents),
    )


def _some(read: Callable[[bytes], tuple[T, ...]], contents: list[bytes]) -> tuple[T, ...]:
    """What those files list, no more in all than one may hold: a card may name the same long file again and again."""
    return tuple(islice((found for data in contents for found in read(data)), MAX_ENTRIES))


def _content(files: CardFiles, value: FilePath | bytes) -> bytes:
    return value if isinstance(value, bytes) else files.read_value(value)


def read_public_keys(files: CardFiles) -> dict[bytes, bytes]:
    """SubjectPublicKeyInfo of each key that the PuKDF lists, by its id; keys that cannot be read are left out.

    Not part of identification, which has no use for them. Raises CardGoneError, CardAnswerError.
    """
    found: dict[bytes, bytes] = {}
    for entry in objects.parse_odf(files.read(EF_ODF)):
        if entry.directory is Directory.PUBLIC_KEYS:
            found |= dict(_public_keys(files, entry.value))
    return found


def _public_keys(files: CardFiles, directory: FilePath | bytes) -> Iterator[tuple[bytes, bytes]]:
    try:
        entries = objects.parse_public_keys(_content(files, directory))
    except (CommandRefusedError, TlvError):
        return
    for entry in entries:
        try:
            key = public_keys.from_object_value(_content(files, entry.value))
        except (CommandRefusedError, TlvError):
            continue
        if key is not None:
            yield entry.id, public_keys.spki(key)


def _certificates(files: CardFiles, contents: dict[Directory, list[bytes]]) -> tuple[CertificateFile, ...]:
    listed = [data for directory in _CERTIFICATE_DIRECTORIES for data in contents.get(directory, ())]
    return tuple(file for entry in _some(objects.parse_certificates, listed) for file in _certificate(files, entry))


def _certificate(files: CardFiles, entry: CertificateObject) -> list[CertificateFile]:
    """The certificate, without what follows it in its file; nothing where there is none (an empty place).

    What is there but is no certificate is kept as it is: somebody should be told.
    """
    try:
        raw = _content(files, entry.value)
    except (CommandRefusedError, TlvError):
        return []
    try:
        nodes = tlv.parse_prefix(raw)
    except TlvError:
        return [CertificateFile(entry, raw)]
    return [CertificateFile(entry, nodes[0].raw)] if nodes else []


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


def _end(where: FilePath) -> int:
    return min(where.index + IDENTITY_BYTES, MAX_BYTES)
