"""One PKCS#15 application: found, and its directory read.

How it is found (most certain first): the path or AID in EF.DIR, an AID that a product profile names, the AID of PKCS#15
itself, the DF `5015`, and last an ODF directly under the MF. The first whose EF(ODF) can be read is the one.

>>> read_directory(CardFiles(channel), extra_aids=()).token.label        # doctest: +SKIP
"""

from dataclasses import dataclass

from drivers.reader import tlv
from drivers.reader.errors import CommandRefusedError
from drivers.reader.iso7816 import MF
from drivers.reader.pkcs15 import objects
from drivers.reader.pkcs15.files import Base, CardFiles
from drivers.reader.pkcs15.objects import (
    ApplicationEntry,
    CertificateObject,
    CodeObject,
    Directory,
    KeyObject,
    TokenInfo,
)
from drivers.reader.tlv import MAX_BYTES, TlvError

PKCS15_AID = bytes.fromhex("A000000063504B43532D3135")
"""RID of RSA Security and "PKCS-15" (ISO/IEC 7816-15 6.4)."""
EF_DIR = MF + b"\x2f\x00"
EF_ODF = b"\x50\x31"
EF_TOKEN_INFO = b"\x50\x32"
DF_PKCS15 = MF + b"\x50\x15"
IDENTITY_BYTES = 256
"""So much of a certificate says whose it is: its serial number and issuer come first (RFC 5280 4.1)."""
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
        value = entry.value if isinstance(entry.value, bytes) else files.read_value(entry.value)
        contents.setdefault(entry.directory, []).append(value)
    return CardDirectory(
        aid=aid,
        token=objects.parse_token_info(files.read(EF_TOKEN_INFO)),
        codes=tuple(c for data in contents.get(Directory.AUTHENTICATION, ()) for c in objects.parse_codes(data)),
        keys=tuple(k for data in contents.get(Directory.PRIVATE_KEYS, ()) for k in objects.parse_keys(data)),
        certificates=_certificates(files, contents),
    )


def _certificates(files: CardFiles, contents: dict[Directory, list[bytes]]) -> tuple[CertificateFile, ...]:
    found: list[CertificateFile] = []
    for directory in _CERTIFICATE_DIRECTORIES:
        for data in contents.get(directory, ()):
            for entry in objects.parse_certificates(data):
                found.extend(_certificate(files, entry))
    return tuple(found)


def _certificate(files: CardFiles, entry: CertificateObject) -> list[CertificateFile]:
    """The certificate, without what follows it in its file; nothing where there is none (an empty place)."""
    try:
        raw = entry.value if isinstance(entry.value, bytes) else files.read_value(entry.value)
        nodes = tlv.parse_prefix(raw)
    except (CommandRefusedError, TlvError):
        return []
    return [CertificateFile(entry, nodes[0].raw)] if nodes and nodes[0].tag == tlv.SEQUENCE else []


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is compared, on the same connection, before anything irreversible (reliability I2)."""

    token: bytes
    certificate: bytes


def read_fingerprint(files: CardFiles, directory: CardDirectory) -> Fingerprint:
    """Read TokenInfo and the beginning of one certificate from the card again.

    Serial numbers may be constant, so the serial number and issuer of a certificate stand beside the card's own.
    Raises CardGoneError, CardAnswerError, CommandRefusedError.
    """
    files.forget_current()
    files.enter()
    token = files.read_again(EF_TOKEN_INFO)
    for certificate in directory.certificates:
        if not isinstance(certificate.entry.value, bytes):
            where = certificate.entry.value
            most = min(where.index + IDENTITY_BYTES, MAX_BYTES)
            return Fingerprint(token, files.read_again(where.path, most)[where.index :])
    return Fingerprint(token, b"")
