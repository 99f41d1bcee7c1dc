"""One PKCS#15 application: found, and its directory read.

How it is found (cheapest first): the AID of PKCS#15 itself, an AID that a product profile names, the path or AID in
EF.DIR, the DF `5015`, and last an ODF directly under the MF. The first whose EF(ODF) can be read is the one.

Private keys are read only where they are needed (`read_keys`), public keys only when somebody wants to see it all.

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
    DataObject,
    Directory,
    FilePath,
    KeyObject,
    OdfEntry,
    TokenInfo,
)
from drivers.reader.tlv import TlvError

T = TypeVar("T")
PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
"""RID of RSA Security and "PKCS-15" (ISO/IEC 7816-15 6.4)."""
EF_DIR = MF + b"\x2f\x00"
EF_ODF = b"\x50\x31"
EF_TOKEN_INFO = b"\x50\x32"
ODF_SHORT_ID, TOKEN_INFO_SHORT_ID = 0x11, 0x12
"""Reserved for these two files in the DF of the application (ISO/IEC 7816-15 annex A)."""
DF_PKCS15 = MF + b"\x50\x15"
_NEEDED = (
    Directory.AUTHENTICATION,
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
    keys: tuple[KeyObject, ...] | None
    """None where they were not read."""
    certificates: tuple[CertificateFile, ...]


def _never(_files: CardFiles) -> bool:
    return False


def find_application(
    files: CardFiles, extra_aids: tuple[bytes, ...], known: Callable[[CardFiles], bool] = _never
) -> bytes:
    """Set `files.base` to the application and give its AID (empty where it has none).

    `known` is asked when an AID was entered: is the card one whose files it could take from memory?

    Raises NoApplicationError, and CardGoneError where the card left.
    """
    tried: list[str] = []
    for base, aid in _candidates(files, extra_aids, tried):
        files.base = base
        tried.append(f"AID {base.aid.hex().upper()}" if base.aid else f"DF {base.path.hex().upper()}")
        if base.aid and not _entered(files):
            continue
        if (base.aid and known(files)) or _has_odf(files):
            return aid
    raise NoApplicationError(tuple(tried))


def _entered(files: CardFiles) -> bool:
    try:
        files.enter()
    except CommandRefusedError:
        return False
    return True


def _applications(files: CardFiles, tried: list[str]) -> tuple[ApplicationEntry, ...]:
    tried.append("EF.DIR")
    files.base = Base()
    try:
        return objects.parse_dir(files.read(EF_DIR))
    except (CommandRefusedError, TlvError):
        return ()


def _candidates(files: CardFiles, extra_aids: tuple[bytes, ...], tried: list[str]) -> Iterator[tuple[Base, bytes]]:
    """Each once. EF.DIR is read only where no AID leads there."""
    seen = dict.fromkeys((Base(aid=aid), aid) for aid in (PKCS15_AID, *extra_aids))
    yield from tuple(seen)
    for candidate in _listed(_applications(files, tried), (PKCS15_AID, *extra_aids)):
        if candidate not in seen:
            seen[candidate] = None
            yield candidate


def _listed(entries: tuple[ApplicationEntry, ...], wanted: tuple[bytes, ...]) -> Iterator[tuple[Base, bytes]]:
    """What EF.DIR names, and where the application is on cards without one."""
    for entry in [entry for entry in entries if entry.aid.startswith(wanted)] or [e for e in entries if e.path]:
        if entry.path:
            yield Base(_from_mf(entry.path)), entry.aid
        if entry.aid:
            yield Base(aid=entry.aid), entry.aid
    yield Base(DF_PKCS15), b""
    yield Base(MF), b""


def _from_mf(path: bytes) -> bytes:
    return path if path[:2] == MF else MF + path


def _has_odf(files: CardFiles) -> bool:
    try:
        data = files.read_short(ODF_SHORT_ID, EF_ODF, _is_odf) if files.base.aid else None
        return bool(objects.parse_odf(files.read(EF_ODF) if data is None else data))
    except (CommandRefusedError, TlvError):
        return False


def _is_odf(data: bytes) -> bool:
    """Names codes or certificates; a list of keys, which may look like one, never does."""
    found = {entry.directory for entry in objects.parse_odf(data)}
    return bool(found & {Directory.AUTHENTICATION, Directory.CERTIFICATES})


def read_token_info(files: CardFiles) -> bytes:
    """EF(TokenInfo) as it is. Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError."""
    data = files.read_short(TOKEN_INFO_SHORT_ID, EF_TOKEN_INFO, is_token_info)
    return files.read(EF_TOKEN_INFO) if data is None else data


def is_token_info(data: bytes) -> bool:
    """Version and flags have to be there (8.10), and no other file has both."""
    nodes = tlv.parse_prefix(data)
    inside = nodes[0].children if nodes and nodes[0].tag == tlv.SEQUENCE else ()
    return bool(inside) and inside[0].tag == tlv.INTEGER and nodes[0].find(tlv.BIT_STRING) is not None


def read_directory(files: CardFiles, aid: bytes) -> CardDirectory:
    """Read codes and certificates of the application at `files.base`; keys wait for `read_keys`.

    Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError.
    """
    token = objects.parse_token_info(read_token_info(files))
    odf = objects.parse_odf(files.read(EF_ODF))
    _learn_place(files, odf)
    contents: dict[Directory, list[bytes]] = {}
    for entry in odf:
        if entry.directory in _NEEDED:
            contents.setdefault(entry.directory, []).append(_content(files, entry.value))
    return CardDirectory(
        aid=aid,
        token=token,
        codes=_some(objects.parse_codes, contents.get(Directory.AUTHENTICATION, [])),
        keys=None,
        certificates=_certificates(files, contents),
    )


def _some(read: Callable[[bytes], tuple[T, ...]], contents: list[bytes]) -> tuple[T, ...]:
    """What those files list, no more in all than one may hold: a card may name the same long file again and again."""
    return tuple(islice((found for data in contents for found in read(data)), MAX_ENTRIES))


def _learn_place(files: CardFiles, odf: tuple[OdfEntry, ...]) -> None:
    """All directory files in one DF, by paths from the MF: that is the application's, which had only an AID so far."""
    paths = [entry.value.path for entry in odf if isinstance(entry.value, FilePath)]
    places = {path[:-2] if path[:2] == MF else b"" for path in paths}
    if files.base.aid and len(places) == 1 and (place := places.pop()) not in (b"", MF):
        files.place_application(place)


def read_keys(files: CardFiles) -> tuple[KeyObject, ...]:
    """The private keys that the card lists. Raises CardGoneError, CardAnswerError (TlvError), CommandRefusedError."""
    odf = objects.parse_odf(files.read(EF_ODF))
    listed = [_content(files, entry.value) for entry in odf if entry.directory is Directory.PRIVATE_KEYS]
    return _some(objects.parse_keys, listed)


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


def read_data_objects(files: CardFiles) -> tuple[DataObject, ...]:
    """The data objects that the card lists; what cannot be read is left out. Raises CardGoneError, CardAnswerError."""
    listed: list[bytes] = []
    for entry in objects.parse_odf(files.read(EF_ODF)):
        if entry.directory is Directory.DATA:
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
