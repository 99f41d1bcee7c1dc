"""The little DER that a virtual card writes: definite lengths, shortest form (ITU-T X.690 clause 10).

Written apart from the reader's parser on purpose: the two check each other.

>>> sequence(integer(5), octets(b"A")).hex()
'3006020105040141'
"""

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
ENUMERATED = 0x0A
UTF8_STRING = 0x0C
PRINTABLE_STRING = 0x13
SEQUENCE = 0x30


def tlv(tag: int, *parts: bytes) -> bytes:
    """One data object; a tag above FF is one of two bytes. Values up to 65535 bytes."""
    value = b"".join(parts)
    head, size = tag.to_bytes(2 if tag > 0xFF else 1, "big"), len(value)
    if size < 0x80:
        return head + bytes([size]) + value
    if size < 0x100:
        return head + bytes([0x81, size]) + value
    return head + b"\x82" + size.to_bytes(2, "big") + value


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def constructed(number: int, *parts: bytes) -> bytes:
    return tlv(0xA0 | number, *parts)


def integer(value: int, tag: int = INTEGER) -> bytes:
    """INTEGER (or, by another tag, ENUMERATED or an implicit [n]) of a number that is not negative."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """OCTET STRING, or by another tag an implicit one."""
    return tlv(tag, value)


def utf8(text: str, tag: int = UTF8_STRING) -> bytes:
    """UTF8String, or by another tag an implicit one."""
    return tlv(tag, text.encode())


def bits(*set_bits: int) -> bytes:
    """BIT STRING of a named bit list: bit 0 is the first, trailing zero bits are left out (X.690 11.2.2)."""
    if not set_bits:
        return tlv(BIT_STRING, b"\x00")
    size = max(set_bits) // 8 + 1
    field = sum(1 << (size * 8 - 1 - bit) for bit in set_bits)
    unused = 7 - max(set_bits) % 8
    return tlv(BIT_STRING, bytes([unused]), field.to_bytes(size, "big"))
