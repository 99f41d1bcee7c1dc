"""APDUs that write MyEID-like PKCS#15 cards, as data. Nothing here sends anything.

CREATE and DELETE FILE are those of ISO/IEC 7816-9, UPDATE BINARY that of 7816-4; how a key is made, and how its public
half is asked for, is as OpenSC's driver for these cards does it.

>>> update_binary(0x0102, b"A").encode().hex()
'00d601020141'
"""

from drivers.reader import tlv
from drivers.reader.apdu import SHORT_LE, CommandApdu
from drivers.reader.keys import KeyAlgorithm

TRANSPARENT, RSA_KEY, EC_KEY = 0x01, 0x11, 0x22
"""File descriptors: a working EF, and key files."""
KEY_FILES: dict[KeyAlgorithm, tuple[int, int]] = {
    "RSA-2048": (RSA_KEY, 2048),
    "EC-P256": (EC_KEY, 256),
    "EC-P384": (EC_KEY, 384),
}
"""Descriptor and size, in bits, of the file in which such a key is made."""
MODULUS, EXPONENT, POINT = 0x01, 0x02, 0x86
_FCP, _SIZE, _KEY_SIZE, _DESCRIPTOR, _IDENTIFIER, _RIGHTS, _PROPRIETARY, _LIFE_CYCLE = (
    0x62, 0x80, 0x81, 0x82, 0x83, 0x86, 0x85, 0x8A,
)  # fmt: skip
_EXPONENT_65537 = bytes.fromhex("30058103010001")
_NOBODY = 0xF
LAST_IN_RIGHTS = 0xE
"""The highest reference of a code that the rights of a file can name, a nibble each."""


def create_file(number: bytes, size: int, code: int) -> CommandApdu:
    """CREATE FILE (ISO/IEC 7816-9 9.3.2) of an EF in the current DF: everybody reads it, and whoever verified the code of
    that reference updates and deletes it."""
    rights = bytes((code, code << 4 | _NOBODY, 0xFF))
    return _create(tlv.encode(_SIZE, size.to_bytes(2, "big")), TRANSPARENT, number, rights)


def create_key_file(number: bytes, algorithm: KeyAlgorithm, code: int) -> CommandApdu:
    """CREATE FILE for a key of that kind, which whoever verified the code uses, makes and deletes."""
    descriptor, bits = KEY_FILES[algorithm]
    rights = bytes((code << 4 | code, code << 4 | code, 0xFF))
    return _create(tlv.encode(_KEY_SIZE, bits.to_bytes(2, "big")), descriptor, number, rights)


def _create(size: bytes, descriptor: int, number: bytes, rights: bytes) -> CommandApdu:
    attributes = (
        (_DESCRIPTOR, bytes((descriptor,))), (_IDENTIFIER, number), (_RIGHTS, rights), (_PROPRIETARY, bytes(2)),
        (_LIFE_CYCLE, bytes(1)),
    )  # fmt: skip
    template = size + b"".join(tlv.encode(tag, value) for tag, value in attributes)
    return CommandApdu("CREATE FILE", 0x00, 0xE0, data=tlv.encode(_FCP, template))


def delete_file() -> CommandApdu:
    """DELETE FILE (ISO/IEC 7816-9 9.3.3): the file that is selected."""
    return CommandApdu("DELETE FILE", 0x00, 0xE4)


def update_binary(offset: int, data: bytes) -> CommandApdu:
    """UPDATE BINARY of the current EF (ISO/IEC 7816-4 11.3.5); offset of at most 15 bits."""
    return CommandApdu("UPDATE BINARY", 0x00, 0xD6, offset >> 8, offset & 0xFF, data)


def generate_key_pair(algorithm: KeyAlgorithm) -> CommandApdu:
    """GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8 11.4) in the key file that is selected; RSA with 65537."""
    return CommandApdu("GENERATE KEY PAIR", 0x00, 0x46, data=_EXPONENT_65537 if algorithm == "RSA-2048" else b"")


def public_part(which: int) -> CommandApdu:
    """GET DATA: `MODULUS` or `EXPONENT` as bare numbers, or `POINT` as a data object, of the selected key file's key."""
    return CommandApdu("GET DATA", 0x00, 0xCA, 0x01, which, le=SHORT_LE)
