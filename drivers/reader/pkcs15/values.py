"""PKCS#15 object model: codes, keys, certificates and their places (ISO/IEC 7816-15:2016).

Other kinds of cards are put in the same words, so that codes and identity need to know but one form.
"""

from dataclasses import dataclass
from enum import IntEnum

from drivers.reader.iso7816 import MF, Alphabet


class DirectoryKind(IntEnum):
    """Kind of directory that an entry of EF(ODF) leads to: its tag (8.3)."""

    PRIVATE_KEYS = 0xA0
    PUBLIC_KEYS = 0xA1
    CERTIFICATES = 0xA4
    TRUSTED_CERTIFICATES = 0xA5
    USEFUL_CERTIFICATES = 0xA6
    DATA = 0xA7
    AUTHENTICATION = 0xA8


class CodeFlag(IntEnum):
    """Bits of PasswordFlags (8.9.2), ASN.1 bit 0 first."""

    CASE_SENSITIVE = 0
    LOCAL = 1
    CHANGE_DISABLED = 2
    UNBLOCK_DISABLED = 3
    INITIALIZED = 4
    NEEDS_PADDING = 5
    UNBLOCKING = 6
    SO = 7
    DISABLE_ALLOWED = 8
    INTEGRITY_PROTECTED = 9
    CONFIDENTIALITY_PROTECTED = 10
    EXCHANGE_REFERENCE_DATA = 11


@dataclass(frozen=True, slots=True)
class Base:
    """Place where an application lives: its DF path from the MF, or its AID where no path is known."""

    path: bytes = MF
    aid: bytes = b""
    odf: bytes = b"\x50\x31"
    """Path of EF(ODF): the reserved identifier, below the application, unless EF.DIR says otherwise (7.4)."""
    token_info: bytes = b"\x50\x32"


@dataclass(frozen=True, slots=True)
class FilePath:
    """Place of a value: a path of file identifiers, and a part of that file (8.2.5). `length` None: all of it."""

    path: bytes
    index: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class ApplicationEntry:
    """One application template of EF.DIR. Empty where it says nothing."""

    aid: bytes
    label: str
    path: bytes
    odf: bytes = b""
    token_info: bytes = b""


@dataclass(frozen=True, slots=True)
class AlgorithmInfo:
    """One algorithm of the card (8.10): the number by which keys name it, its PKCS#11 mechanism, and what MSE calls it."""

    number: int
    mechanism: int
    reference: int | None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """EF(TokenInfo), 8.10."""

    serial: bytes
    manufacturer: str
    label: str
    algorithms: tuple[AlgorithmInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeObject:
    """One password object of the AODF (8.9). Lengths in characters, stored length in bytes.

    `puk_id` names the code that unlocks it; empty where it names none.
    """

    auth_id: bytes
    label: str
    puk_id: bytes
    flags: frozenset[int]
    alphabet: Alphabet
    min_length: int
    stored_length: int
    max_length: int
    reference: int
    pad: int | None
    path: bytes
    has_reference: bool = True
    """False: no command can name it. A PUK may be known within RESET RETRY COUNTER alone."""

    def has(self, flag: CodeFlag) -> bool:
        return flag in self.flags


SIGN, NON_REPUDIATION = 2, 9
"""Bits of KeyUsageFlags (ISO/IEC 7816-15 8.4)."""


@dataclass(frozen=True, slots=True)
class KeyObject:
    """One private key of the PrKDF (8.4). `elliptic` is False for RSA; `auth_id` is empty where no code guards it."""

    id: bytes
    label: str
    auth_id: bytes
    usage: frozenset[int]
    reference: int
    path: bytes
    elliptic: bool
    algorithms: tuple[int, ...] = ()
    """Numbers of the card's algorithms that go with it (`AlgorithmInfo.number`)."""
    consent: bool = False
    """The code is wanted anew for each use (userConsent, 8.2.9)."""


@dataclass(frozen=True, slots=True)
class PublicKeyObject:
    """One public key of the PuKDF (8.5). `value` is where it is, or the key itself."""

    id: bytes
    value: FilePath | bytes


@dataclass(frozen=True, slots=True)
class CertificateObject:
    """One certificate of a CDF (8.6). `value` is where it is, or the DER itself."""

    id: bytes
    label: str
    authority: bool
    value: FilePath | bytes


@dataclass(frozen=True, slots=True)
class DataObject:
    """One data object of a DODF (8.8). `application` is a name or a dotted OID; `value` is where it is, or itself."""

    label: str
    application: str
    value: FilePath | bytes


@dataclass(frozen=True, slots=True)
class OdfEntry:
    """One entry of EF(ODF). `value` is the directory file, or the objects themselves."""

    directory: DirectoryKind
    value: FilePath | bytes
