"""PKCS#15 directory reader: TokenInfo, codes, keys, certificates and data objects of one application.

The lists of codes and certificates are read by short identifier where that gives what it must, else selected. Certificates
and private keys are read where they are needed (`read_certificates`, `read_keys`), public keys only when somebody wants to
see it all.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from drivers.reader import tlv
from drivers.reader.apdu import StatusWord
from drivers.reader.certificates import public_keys
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.files import CardFiles
from drivers.reader.pkcs15.objects import MAX_ENTRIES
from drivers.reader.pkcs15.values import (
    Base,
    CertificateObject,
    CodeObject,
    DataObject,
    DirectoryKind,
    FilePath,
    KeyObject,
    OdfEntry,
    TokenInfo,
)
from drivers.reader.tlv import TlvError

T = TypeVar("T")
PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
"""RID of RSA Security and "PKCS-15" (ISO/IEC 7816-15 6.4)."""
EF_ODF, EF_TOKEN_INFO = Base().odf, Base().token_info
ODF_SHORT_ID, TOKEN_INFO_SHORT_ID = 0x11, 0x12
"""Reserved for these two files in the DF of the application (ISO/IEC 7816-15 annex A)."""
_NEEDED = (DirectoryKind.AUTHENTICATION, DirectoryKind.CERTIFICATES)
"""Lists that every identification reads; the rest only costs time."""
_OF_AUTHORITIES = (DirectoryKind.TRUSTED_CERTIFICATES, DirectoryKind.USEFUL_CERTIFICATES)


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A certificate of the directory and its DER; empty where the card shows it only once its code was verified."""

    entry: CertificateObject
    der: bytes
    at: int = 0
    """Its place among those that the card lists."""


@dataclass(frozen=True, slots=True)
class CardDirectory:
    """Everything that the card says about itself."""

    aid: bytes
    token: TokenInfo
    codes: tuple[CodeObject, ...]
    keys: tuple[KeyObject, ...] | None
    """None where they were not read."""
    certificates: tuple[CertificateFile, ...]
    """Those that were read, in the card's order."""
    unread: tuple[tuple[int, CertificateObject], ...] = ()
    """The others, each with its place in that order."""


def read_token_info(files: CardFiles) -> bytes:
    """EF(TokenInfo) as it is. Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError."""
    place = files.base.token_info
    data = files.read_short(TOKEN_INFO_SHORT_ID, place, is_token_info) if place == EF_TOKEN_INFO else None
    return files.read(place) if data is None else data


def is_token_info(data: bytes) -> bool:
    """Version and flags have to be there (8.10), and no other file has both."""
    nodes = tlv.parse_prefix(data)
    inside = nodes[0].children if nodes and nodes[0].tag == tlv.SEQUENCE else ()
    return bool(inside) and inside[0].tag == tlv.INTEGER and nodes[0].find(tlv.BIT_STRING) is not None


def read_directory(files: CardFiles, aid: bytes) -> CardDirectory:
    """Read the lists of codes and certificates of the application at `files.base`; certificates wait for `read_certificates`,
    keys for `read_keys`.

    Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError.
    """
    token = objects.parse_token_info(read_token_info(files))
    odf = objects.parse_odf(files.read(files.base.odf))
    _learn_place(files, odf)
    contents: dict[DirectoryKind, list[bytes]] = {}
    for entry, short_id in zip(odf, short_ids(odf), strict=True):
        if entry.directory in _NEEDED:
            contents.setdefault(entry.directory, []).append(_listed(files, entry, short_id))
    return CardDirectory(
        aid=aid,
        token=token,
        codes=_some(objects.parse_codes, contents.get(DirectoryKind.AUTHENTICATION, [])),
        keys=None,
        certificates=(),
        unread=tuple(enumerate(_some(objects.parse_certificates, contents.get(DirectoryKind.CERTIFICATES, [])))),
    )


def read_certificates(files: CardFiles, directory: CardDirectory, places: Iterable[int] | None = None) -> CardDirectory:
    """The directory with the certificates in those places read too, or with all. The last one first: what the card is known by,
    mostly the first, is selected still when the same-card check is made. Raises CardGoneError, CardAnswerError.
    """
    positions = {at for at, _ in directory.unread} if places is None else set(places)
    read = list(directory.certificates)
    for at, entry in reversed(directory.unread):
        if at in positions:
            read += _certificate(files, entry, at)
    unread = tuple(unread_entry for unread_entry in directory.unread if unread_entry[0] not in positions)
    return replace(directory, certificates=tuple(sorted(read, key=lambda file: file.at)), unread=unread)


def read_authorities(files: CardFiles) -> tuple[CertificateFile, ...]:
    """Certificates that the card lists as trusted or useful, which are not its holder's; what cannot be read is left out.

    Raises CardGoneError, CardAnswerError.
    """
    lists = [entry for entry in objects.parse_odf(files.read(files.base.odf)) if entry.directory in _OF_AUTHORITIES]
    listed: list[bytes] = []
    for entry in lists:
        with suppress(CommandRefusedError):
            listed.append(_content(files, entry.value))
    entries = tuple(enumerate(_some(objects.parse_certificates, listed)))
    return read_certificates(files, CardDirectory(b"", TokenInfo(b"", "", ""), (), None, (), entries)).certificates


def short_ids(odf: tuple[OdfEntry, ...]) -> tuple[int | None, ...]:
    """The short identifier of each list: the five low bits of its file identifier (ISO/IEC 7816-4 7.4.3, tag 88 absent).

    None where there is none, or it would be that of EF(ODF), EF(TokenInfo) or another list too.
    """
    low = [entry.value.path[-1] & 0x1F if isinstance(entry.value, FilePath) else 0 for entry in odf]
    taken = (0, ODF_SHORT_ID, TOKEN_INFO_SHORT_ID, 0x1F)
    return tuple(None if number in taken or low.count(number) > 1 else number for number in low)


def _listed(files: CardFiles, entry: OdfEntry, short_id: int | None) -> bytes:
    if isinstance(entry.value, FilePath) and short_id is not None:
        codes = entry.directory is DirectoryKind.AUTHENTICATION
        files.read_short(short_id, entry.value.path, objects.lists_codes if codes else objects.lists_certificates)
    return _content(files, entry.value)


def _some(read: Callable[[bytes], tuple[T, ...]], contents: list[bytes]) -> tuple[T, ...]:
    """Return what those files list, no more in all than one may hold: a card may name the same long file again and again."""
    return tuple(islice((entry for data in contents for entry in read(data)), MAX_ENTRIES))


def _learn_place(files: CardFiles, odf: tuple[OdfEntry, ...]) -> None:
    """All directory files in one DF, by paths from the MF: that is the application's, which had only an AID so far."""
    paths = [entry.value.path for entry in odf if isinstance(entry.value, FilePath)]
    places = {path[:-2] if path[:2] == MF else b"" for path in paths}
    if files.base.aid and len(places) == 1 and (place := places.pop()) not in (b"", MF):
        files.place_application(replace(files.base, path=place, aid=b""))


def read_keys(files: CardFiles) -> tuple[KeyObject, ...]:
    """The private keys that the card lists. Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError."""
    odf = objects.parse_odf(files.read(files.base.odf))
    listed = [_content(files, entry.value) for entry in odf if entry.directory is DirectoryKind.PRIVATE_KEYS]
    return _some(objects.parse_keys, listed)


def _content(files: CardFiles, value: FilePath | bytes) -> bytes:
    return value if isinstance(value, bytes) else files.read_value(value)


def _object(files: CardFiles, value: FilePath | bytes) -> bytes:
    return value if isinstance(value, bytes) else files.read_object(value)


def read_public_keys(files: CardFiles) -> dict[bytes, bytes]:
    """SubjectPublicKeyInfo of each key that the PuKDF lists, by its id; keys that cannot be read are left out.

    Not part of identification, which has no use for them. Raises CardGoneError, CardAnswerError.
    """
    keys: dict[bytes, bytes] = {}
    for entry in objects.parse_odf(files.read(files.base.odf)):
        if entry.directory is DirectoryKind.PUBLIC_KEYS:
            keys |= dict(_public_keys(files, entry.value))
    return keys


def read_data_objects(files: CardFiles) -> tuple[DataObject, ...]:
    """The data objects that the card lists; what cannot be read is left out. Raises CardGoneError, CardAnswerError."""
    listed: list[bytes] = []
    for entry in objects.parse_odf(files.read(files.base.odf)):
        if entry.directory is DirectoryKind.DATA:
            try:
                listed.append(_content(files, entry.value))
            except CommandRefusedError:
                continue
    return _some(_data_objects, listed)


def _data_objects(data: bytes) -> tuple[DataObject, ...]:
    try:
        return objects.parse_data_objects(data)
    except TlvError:
        return ()


def _public_keys(files: CardFiles, directory: FilePath | bytes) -> Iterator[tuple[bytes, bytes]]:
    try:
        entries = objects.parse_public_keys(_content(files, directory))
    except (CommandRefusedError, TlvError):
        return
    for entry in entries:
        try:
            key = public_keys.from_object_value(_object(files, entry.value))
        except (CommandRefusedError, TlvError):
            continue
        if key is not None:
            yield entry.id, public_keys.encode_spki(key)


def _certificate(files: CardFiles, entry: CertificateObject, at: int) -> list[CertificateFile]:
    """The certificate, without what follows it in its file; nothing where there is none (an empty place).

    What is there but is no certificate is kept as it is: somebody should be told.
    """
    try:
        raw = _object(files, entry.value)
    except CommandRefusedError as fault:
        return [CertificateFile(entry, b"", at)] if fault.status == StatusWord.SECURITY_NOT_SATISFIED else []
    except TlvError:
        return []
    try:
        nodes = tlv.parse_prefix(raw)
    except TlvError:
        return [CertificateFile(entry, raw, at)]
    return [CertificateFile(entry, nodes[0].raw, at)] if nodes else []
