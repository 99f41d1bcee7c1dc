"""PKCS#15 files of a virtual card (ISO/IEC 7816-15), written out as DER.

One PIN for both keys (or two, where the persona has them), with no userConsent (one VERIFY serves until the card is
reset or the application selected again), and a PUK object that the PIN's authId names; each directory file ends in
filler, as on cards that leave room for more. File numbers are those that such cards use.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sim.reader import applet_codes
from sim.reader import pkcs15_codes as pins
from sim.reader.code_traits import CodeWays
from sim.reader.der import (
    ENUMERATED,
    bits,
    constructed,
    integer,
    octets,
    sequence,
    tlv,
    utf8,
)
from sim.reader.file_system import MF_ID, CardFile, FileSystem
from sim.reader.file_traits import FileWays
from sim.reader.keys import Algorithms, CardKey, point_of
from sim.reader.pki import CardPublicKey

AID = bytes.fromhex("A000000063504B43532D3135")
APPLET_AID = bytes.fromhex("F276A288BCFBA69D34F31001")
"""Of the applet that kind A stands for."""
EF_DIR, DF_PKCS15, EF_ODF, EF_TOKENINFO = 0x2F00, 0x5015, 0x5031, 0x5032
ODF_ELSEWHERE = (MF_ID, 0x5F10, 0x5131)
EF_AODF, EF_PRKDF, EF_PUKDF, EF_CDF, EF_TRUSTED = 0x4401, 0x4402, 0x4403, 0x4404, 0x4405
LABEL = "Kortkiosk test card"
MANUFACTURER = "Kortkiosk test"
PIN_AUTH_ID = b"\x01"
PUK_AUTH_ID = b"\x02"
SIGNATURE_AUTH_ID = b"\x03"
PUK_MIN_LENGTH = 4
FILLER = 32
"""Bytes of 00 behind the last object of a directory file."""
ROOM = 255
"""Where directories can be written, they are so long, so that each change of them is one command; twice where less is free."""
RSA_KEY_FILE, EC_KEY_FILE = 0x11, 0x22
TITLES = {"identification": "Legitimering", "signature": "Underskrift", "card": "Kort"}
# Bits of PinFlags, of KeyUsageFlags, KeyAccessFlags and CommonObjectFlags (ISO/IEC 7816-15 8.3, 8.4, 8.9)
LOCAL, CHANGE_DISABLED, UNBLOCK_DISABLED, INITIALIZED, NEEDS_PADDING, UNBLOCKING_PIN = 1, 2, 3, 4, 5, 6
DECRYPT, SIGN, UNWRAP, VERIFY, NON_REPUDIATION, ENCRYPT, WRAP = 1, 2, 5, 6, 9, 0, 4
SENSITIVE, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, KEY_LOCAL = 0, 2, 3, 4
COMPUTE_SIGNATURE, NULL = 1, 0x05  # bit of Operations, ISO/IEC 7816-15 8.10
CKM_RSA_PKCS, CKM_ECDSA = 0x0001, 0x1041  # PKCS#11 mechanisms
PRIVATE, MODIFIABLE = 0, 1
ASCII_NUMERIC, ISO_9564_1 = 1, 4  # PasswordType, ISO/IEC 7816-15 8.9.2
BLOCK_BYTES, BLOCK_MIN_DIGITS, BLOCK_MAX_DIGITS = 8, 4, 12
LOGIN_REQUIRED, PRN_GENERATION = 1, 2


@dataclass(frozen=True, slots=True)
class CodeTraits:
    """Description that a card gives of one of its codes. Lengths in bytes."""

    label: str
    auth_id: bytes
    reference: int
    min_length: int
    max_length: int
    flags: tuple[int, ...]
    puk: bytes = b""
    """The authId of the code that unlocks this one."""
    stored_length: int = 0
    """0: as all codes of the card."""


@dataclass(frozen=True, slots=True)
class ObjectTraits:
    """Differences between the kinds in their PKCS#15 files. `codes`: the PIN first."""

    aid: bytes
    codes: tuple[CodeTraits, ...]
    stored_length: int
    filler: int
    room: int = 0
    """Least length of the directory files of keys and certificates."""
    files: FileWays = field(default_factory=FileWays)
    password_type: int = ASCII_NUMERIC
    codes_path: tuple[int, ...] = (MF_ID, DF_PKCS15)
    """The DF of the codes."""
    consent: bool = False
    """Keys want their PIN before each use."""
    told: Algorithms | None = None
    """Algorithm references that TokenInfo and PrKDF tell, the first of each kind of key; None: they tell none."""

    def guard(self, key: CardKey) -> bytes:
        """The authId of the code that a key wants; empty where it wants none."""
        if key.purpose == "card":
            return b""
        own = [code.auth_id for code in self.codes if code.label == TITLES[key.purpose]]
        return own[0] if own else self.codes[0].auth_id


PIN_FLAGS = (LOCAL, INITIALIZED, NEEDS_PADDING)
PUK_FLAGS = (LOCAL, CHANGE_DISABLED, UNBLOCK_DISABLED, INITIALIZED, NEEDS_PADDING, UNBLOCKING_PIN)


def look_b(*, two_pins: bool) -> ObjectTraits:
    """Object traits of a card of kind B."""
    lengths = (pins.PIN_MIN_LENGTH, pins.PIN_MAX_LENGTH)
    pin = CodeTraits("PIN", PIN_AUTH_ID, pins.PIN_REFERENCE, *lengths, PIN_FLAGS, PUK_AUTH_ID)
    second = CodeTraits(
        TITLES["signature"], SIGNATURE_AUTH_ID, pins.SIGNATURE_PIN_REFERENCE, *lengths, PIN_FLAGS, PUK_AUTH_ID
    )
    puk = CodeTraits("PUK", PUK_AUTH_ID, pins.PUK_REFERENCE, pins.PUK_LENGTH, pins.PUK_LENGTH, PUK_FLAGS)
    codes = (pin, second, puk) if two_pins else (pin, puk)
    return ObjectTraits(AID, codes, pins.STORED_LENGTH, pins.FILLER, ROOM)


def described(look: ObjectTraits, ways: CodeWays) -> ObjectTraits:
    """The codes as a card with those ways describes them."""
    codes = tuple(
        _described_code(code, ways) for code in look.codes if ways.lists_puk or UNBLOCKING_PIN not in code.flags
    )
    field = ways.field
    filler = look.filler if field is None or field.told is None else field.told
    path = (MF_ID,) if ways.at_mf else look.codes_path if ways.path_told else ()
    look = replace(look, codes=codes, filler=filler, codes_path=path)
    if field is None or field.form != "block":
        return look
    blocks = tuple(replace(c, min_length=BLOCK_MIN_DIGITS, max_length=BLOCK_MAX_DIGITS) for c in codes)
    return replace(look, codes=blocks, stored_length=BLOCK_BYTES, password_type=ISO_9564_1)


def _described_code(code: CodeTraits, ways: CodeWays) -> CodeTraits:
    """One code; a PUK of another length, and a PIN that may be shorter."""
    shows_flag = {
        LOCAL: not ways.at_mf,
        NEEDS_PADDING: ways.field is None or ways.field.tells,
        INITIALIZED: ways.initialized,
    }
    changed = replace(
        code,
        flags=tuple(flag for flag in code.flags if shows_flag.get(flag, True)),
        reference=code.reference | (ways.reference_bit if ways.tells_reference else 0),
        puk=code.puk if ways.lists_puk else b"",
    )
    if UNBLOCKING_PIN not in code.flags:
        return replace(changed, min_length=ways.pin_min_length or code.min_length)
    shorter, longer = min(code.min_length, ways.puk_digits or code.min_length), max(code.max_length, ways.puk_digits)
    if code.min_length < code.max_length:
        return replace(changed, min_length=shorter, max_length=longer)
    length = ways.puk_digits or code.max_length
    return replace(changed, min_length=length, max_length=length, stored_length=longer)


LOOK_A = ObjectTraits(
    APPLET_AID,
    (
        CodeTraits(
            "PIN", PIN_AUTH_ID, pins.PIN_REFERENCE, applet_codes.PIN_MIN_LENGTH, applet_codes.PIN_MAX_LENGTH,
            PIN_FLAGS, PUK_AUTH_ID,
        ),
        CodeTraits("PUK", PUK_AUTH_ID, pins.PUK_REFERENCE, PUK_MIN_LENGTH, applet_codes.STORED_LENGTH, PUK_FLAGS),
    ),
    applet_codes.STORED_LENGTH,
    applet_codes.FILLER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyWithCertificate:
    """A key of the card and the certificate that goes with it, and their files' numbers."""

    key: CardKey
    certificate: x509.Certificate
    certificate_file: int
    public_file: int


def file_system(
    serial: bytes, entries: list[KeyWithCertificate], look: ObjectTraits, authorities: Sequence[x509.Certificate] = ()
) -> FileSystem:
    """The whole tree of a card; certificates of `authorities` are listed after the holder's."""
    mf = CardFile(MF_ID, is_df=True)
    aid = look.files.aid or look.aid
    elsewhere = look.files.odf_elsewhere
    mf.add(CardFile(EF_DIR, _dir(aid, ODF_ELSEWHERE if elsewhere else ())))
    application = mf.add(CardFile(DF_PKCS15, is_df=True, aid=aid))
    listed = entries[:1] if look.files.first_alone else entries
    keys = list({entry.key.id: entry for entry in listed}.values())
    beside = {entries[-1].certificate_file + at: certificate for at, certificate in enumerate(authorities, 1)}
    directories = {
        "odf": (EF_ODF, _odf(trusted=bool(look.files.trusted))),
        "aodf": (EF_AODF, b"".join(code_object(code, look) for code in look.codes)),
        "prkdf": (EF_PRKDF, b"".join(_private_key(entry, look) for entry in keys)),
        "pukdf": (EF_PUKDF, b"".join(_public_key(entry) for entry in keys)),
        "cdf": (EF_CDF, b"".join((*map(certificate_object, listed), *map(_authority_object, beside)))),
    }
    filler = bytes([look.files.filler])
    for name, (number, content) in directories.items():
        room = max(look.files.rooms.get(name, 0), look.room if name in ("prkdf", "pukdf", "cdf") else 0)
        room += ROOM if room == ROOM < len(content) + 3 * FILLER else 0
        home = mf.add(CardFile(ODF_ELSEWHERE[1], is_df=True)) if elsewhere and name == "odf" else application
        number = ODF_ELSEWHERE[2] if home is not application else number
        home.add(CardFile(number, (content + filler * FILLER).ljust(room, filler)))
    if look.files.trusted:
        application.add(CardFile(EF_TRUSTED, b"\xff" * look.files.trusted))
    info_content = token_info(serial, look.told).ljust(look.files.rooms.get("tokeninfo", 0), filler)
    application.add(CardFile(EF_TOKENINFO, info_content))
    for entry in entries:
        descriptor = RSA_KEY_FILE if isinstance(entry.key.private, rsa.RSAPrivateKey) else EC_KEY_FILE
        application.add(CardFile(entry.key.file_id, bytes(entry.key.bits), descriptor=descriptor, internal=True))
        application.add(CardFile(entry.public_file, public_value(entry.key.private.public_key())))
        beside[entry.certificate_file] = entry.certificate
    for number, certificate in beside.items():
        application.add(CardFile(number, certificate.public_bytes(serialization.Encoding.DER)))
    return FileSystem(mf, application)


def _path(*ids: int) -> bytes:
    return octets(b"".join(number.to_bytes(2, "big") for number in ids))


def _reference(number: int) -> bytes:
    """Path to a file of the application, from the MF (ISO/IEC 7816-15 8.2.5)."""
    return sequence(_path(MF_ID, DF_PKCS15, number))


def _dir(aid: bytes, odf: tuple[int, ...]) -> bytes:
    """EF.DIR, one application template (ISO/IEC 7816-15 7.4), with the path of EF(ODF) where that lies elsewhere."""
    path = octets(MF_ID.to_bytes(2, "big") + DF_PKCS15.to_bytes(2, "big"), 0x51)
    return tlv(0x61, octets(aid, 0x4F), utf8(LABEL, 0x50), path, tlv(0x73, sequence(_path(*odf))) if odf else b"")


def _odf(*, trusted: bool = False) -> bytes:
    """Return where each kind of object is listed (ISO/IEC 7816-15 8.3): [0] private keys to [8] authentication objects."""
    directories = ((0, EF_PRKDF), (1, EF_PUKDF), (4, EF_CDF), *([(5, EF_TRUSTED)] if trusted else []), (8, EF_AODF))
    return b"".join(constructed(number, _reference(file)) for number, file in directories)


def token_info(serial: bytes, algorithms: Algorithms | None = None) -> bytes:
    """EF(TokenInfo) (ISO/IEC 7816-15 8.10): version 1 is coded 0."""
    flags = bits(LOGIN_REQUIRED, PRN_GENERATION)
    more = (
        b""
        if algorithms is None
        else constructed(2, _algorithm(1, CKM_RSA_PKCS, algorithms.rsa), _algorithm(2, CKM_ECDSA, algorithms.ec))
    )
    return sequence(integer(0), octets(serial), utf8(MANUFACTURER), utf8(LABEL, 0x80), flags, more)


def _algorithm(number: int, mechanism: int, references: tuple[int, ...]) -> bytes:
    """AlgorithmInfo (ISO/IEC 7816-15 8.10): its number, the PKCS#11 mechanism, no parameters, and what MSE calls it."""
    return sequence(integer(number), integer(mechanism), tlv(NULL), bits(COMPUTE_SIGNATURE), integer(references[0]))


def code_object(code: CodeTraits, look: ObjectTraits) -> bytes:
    """An authentication object of type PIN (ISO/IEC 7816-15 8.9.2); bit 8 of a reference makes it negative."""
    common = [utf8(code.label), bits(PRIVATE, *([MODIFIABLE] if code.puk else []))]
    if code.puk:
        common.append(octets(code.puk))
    attributes = sequence(
        bits(*code.flags),
        integer(look.password_type, ENUMERATED),
        integer(code.min_length),
        integer(code.stored_length or look.stored_length),
        integer(code.max_length),
        octets(bytes([code.reference]), 0x80),
        octets(bytes([look.filler])) if NEEDS_PADDING in code.flags else b"",
        sequence(_path(*look.codes_path)),
    )
    return sequence(sequence(*common), sequence(octets(code.auth_id)), constructed(1, attributes))


def _private_key(entry: KeyWithCertificate, look: ObjectTraits) -> bytes:
    key, guard = entry.key, look.guard(entry.key)
    consent = integer(1) if guard and look.consent else b""
    common = sequence(utf8(TITLES[key.purpose]), bits(PRIVATE), octets(guard) if guard else b"", consent)
    access = bits(SENSITIVE, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, KEY_LOCAL)
    number = 1 if isinstance(key.private, rsa.RSAPrivateKey) else 2
    algorithm_reference = b"" if look.told is None else constructed(1, integer(number))
    attributes = sequence(
        octets(key.id), bits(*private_usage(key)), access, integer(key.reference), algorithm_reference
    )
    return _key_object(key, common, attributes, _reference(key.file_id))


def private_usage(key: CardKey) -> tuple[int, ...]:
    """Bits of KeyUsageFlags of a private key."""
    if key.purpose == "signature":
        return (NON_REPUDIATION,)
    return (DECRYPT, SIGN, UNWRAP) if isinstance(key.private, rsa.RSAPrivateKey) else (SIGN,)


def _public_key(entry: KeyWithCertificate) -> bytes:
    key = entry.key
    receives = key.purpose == "identification" and isinstance(key.private, rsa.RSAPrivateKey)
    usage = (ENCRYPT, WRAP, VERIFY) if receives else (VERIFY,)
    attributes = sequence(octets(key.id), bits(*usage))
    return _key_object(key, sequence(utf8(TITLES[key.purpose])), attributes, _reference(entry.public_file))


def _key_object(key: CardKey, common: bytes, attributes: bytes, value: bytes) -> bytes:
    """An RSA key is an untagged choice, an EC key is [0] (ISO/IEC 7816-15 8.4, 8.5).

    For EC the standard has no length behind the path; cards of this kind carry one, as their makers' tools want it.
    """
    own = constructed(1, sequence(value, integer(key.bits)))
    if isinstance(key.private, rsa.RSAPrivateKey):
        return sequence(common, attributes, own)
    return constructed(0, common, attributes, own)


def certificate_object(entry: KeyWithCertificate) -> bytes:
    """An X.509 certificate object (ISO/IEC 7816-15 8.7)."""
    return _certificate_object(TITLES[entry.key.purpose], entry.key.id, entry.certificate_file)


def _authority_object(file: int) -> bytes:
    """The same of an issuer's certificate, to which no key of the card belongs; it is not said to be an authority's."""
    return _certificate_object("CA", file.to_bytes(2, "big"), file)


def _certificate_object(label: str, number: bytes, file: int) -> bytes:
    return sequence(sequence(utf8(label)), sequence(octets(number)), constructed(1, sequence(_reference(file))))


def public_value(public: CardPublicKey) -> bytes:
    """RSAPublicKey (RFC 8017 A.1.1), or an EC point as OCTET STRING (ISO/IEC 7816-15 8.5.3)."""
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return octets(point_of(public))
