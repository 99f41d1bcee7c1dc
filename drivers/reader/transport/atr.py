"""ATR parser: the card capabilities in the historical bytes (ISO/IEC 7816-3 8.2, ISO/IEC 7816-4 12.1.1.9). Pure.

>>> offers_extended_length(bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940"))
True
"""

from collections.abc import Iterator

_COMPACT_TLV = (0x00, 0x80)
"""Category indicators under which historical bytes are COMPACT-TLV objects (12.1.1.2)."""
_CARD_CAPABILITIES, _STATUS = 0x7, 0x8
_STATUS_BYTES = 3
"""At the end of historical bytes of category 00."""
_EXTENDED = 0x40
"""Bit 7 of the third byte of the card capabilities: extended Lc and Le fields (table 119)."""


def historical_bytes(atr: bytes) -> bytes:
    """The historical bytes of an ATR; empty where it is cut short."""
    if len(atr) < 2:
        return b""
    count, indicator, at = atr[1] & 0x0F, atr[1] >> 4, 2
    while indicator:
        at += bin(indicator & 0x7).count("1")
        if not indicator & 0x8:
            break
        if at >= len(atr):
            return b""
        indicator, at = atr[at] >> 4, at + 1
    return atr[at : at + count]


def offers_extended_length(atr: bytes) -> bool:
    """Does the card say that it takes extended length fields?"""
    values = (value for tag, _, value in _objects(historical_bytes(atr)) if tag == _CARD_CAPABILITIES)
    value = next((value for value in values if len(value) == 3), b"")
    return bool(value and value[2] & _EXTENDED)


def family_mask(atr: bytes) -> bytes:
    """The bytes by which other cards of the same family are known: all but the last two historical bytes, where makers write a
    version, and the check byte. A status indicator (12.1.1.11) is no version.

    >>> family_mask(bytes.fromhex("3B7D96000080318065B0A31101F383009000")).hex().upper()
    'FFFFFFFFFFFFFFFFFFFFFFFF0000FFFFFFFF'
    """
    historical = historical_bytes(atr)
    start = atr.index(historical) if historical else len(atr)
    end = next((at for tag, at, _ in _objects(historical) if tag == _STATUS), len(historical))
    if historical[:1] == b"\x00":
        end = min(end, len(historical) - _STATUS_BYTES)
    free = range(start + max(0, end - 2), start + max(0, end))
    return bytes(0 if at in free or at >= start + len(historical) else 0xFF for at in range(len(atr)))


def _objects(historical: bytes) -> Iterator[tuple[int, int, bytes]]:
    """COMPACT-TLV objects: tag, place, value."""
    at = 1
    while historical[:1] and historical[0] in _COMPACT_TLV and at < len(historical):
        length = historical[at] & 0x0F
        yield historical[at] >> 4, at, historical[at + 1 : at + 1 + length]
        at += 1 + length
