"""ATR parser: the card capabilities in the historical bytes (ISO/IEC 7816-3 8.2, ISO/IEC 7816-4 12.1.1.9). Pure.

>>> offers_extended_length(bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940"))
True
"""

_COMPACT_TLV = (0x00, 0x80)
"""Category indicators under which historical bytes are COMPACT-TLV objects (12.1.1.2)."""
_CARD_CAPABILITIES = 0x7
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
    historical = historical_bytes(atr)
    if not historical or historical[0] not in _COMPACT_TLV:
        return False
    at = 1
    while at < len(historical):
        tag, length = historical[at] >> 4, historical[at] & 0x0F
        value = historical[at + 1 : at + 1 + length]
        if tag == _CARD_CAPABILITIES and len(value) == 3:
            return bool(value[2] & _EXTENDED)
        at += 1 + length
    return False
