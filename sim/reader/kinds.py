"""Kinds of virtual cards, and the traits of each. Letters are those of the table of real cards."""

from dataclasses import dataclass
from functools import reduce
from operator import xor

from sim.reader import applet_codes
from sim.reader import pkcs15_codes as pins
from sim.reader.piv.traits import APPLET, TOKEN

ATR_T1 = bytes.fromhex("3BF59600008131FE454D7945494414")
"""Offers T=1; the historical bytes are those by which drivers know this kind of card."""
ATR_T0 = bytes.fromhex("3B8580014D7945494478")
"""The same historical bytes, with T=0 offered first."""
PUK_LENGTH = 8


def _atr_t1(historical: bytes) -> bytes:
    """Only T=1, IFSC 254, fast, without TB1 and TC1 (ISO/IEC 7816-3 8.2); a check byte over all but the first.

    Among PIV's own tools some take the presence of TB1 and TC1 for a certain maker's USB token, and then want its USB id.
    """
    body = bytes([0x90 | len(historical)]) + bytes.fromhex("968131FE45") + historical
    return b"\x3b" + body + bytes([reduce(xor, body)])


def _atr_t0(historical: bytes) -> bytes:
    """T=0 first, T=1 too, as kind B says it."""
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    return b"\x3b" + body + bytes([reduce(xor, body)])


def t0_alone(atr: bytes) -> bytes:
    """The answer to reset with the same historical bytes that offers T=0 and nothing else: no TD1, hence no check byte."""
    count = atr[1] & 0x0F
    return bytes([0x3B, 0x10 | count, 0x96]) + atr[-1 - count : -1]


@dataclass(frozen=True, slots=True)
class CardKind:
    """Traits of one kind of card. Lengths in characters, and those that the card itself keeps to."""

    kind: str
    title: str
    atr: bytes
    pin_tries: int
    puk_tries: int
    pin_min_length: int
    pin_max_length: int
    puk_length: int
    atr_t0: bytes | None = None
    """The answer to reset of its T=0 variant, where there is one."""
    extended: bool = False
    """Takes commands and gives answers of extended length (ISO/IEC 7816-4 5.2)."""
    chaining: bool = False
    """Takes long commands in parts, and gives long answers in parts."""


KINDS: dict[str, CardKind] = {
    "A": CardKind(
        kind="A",
        title="ISO/IEC 7816-15 applet with an AID of its own; codes padded with 00 to 16; nothing can be written",
        atr=_atr_t1(b"KKAPPLETA"),
        atr_t0=_atr_t0(b"KKAPPLETA"),
        pin_tries=applet_codes.PIN_TRIES,
        puk_tries=applet_codes.PUK_TRIES,
        pin_min_length=1,
        pin_max_length=applet_codes.PIN_MAX_LENGTH,
        puk_length=PUK_LENGTH,
        chaining=True,
    ),
    "B": CardKind(
        kind="B",
        title="ISO/IEC 7816-15 card, found by the PKCS#15 AID; codes padded with FF to 8",
        atr=ATR_T1,
        atr_t0=ATR_T0,
        pin_tries=pins.PIN_TRIES,
        puk_tries=pins.PUK_TRIES,
        pin_min_length=pins.PIN_MIN_LENGTH,
        pin_max_length=pins.PIN_MAX_LENGTH,
        puk_length=pins.PUK_LENGTH,
    ),
    "C": CardKind(
        kind="C",
        title="PIV applet (SP 800-73-4), short commands only, in chains; checks what a PIN looks like",
        atr=_atr_t1(bytes.fromhex("8073C0218066") + b"KKPIVC"),
        pin_tries=APPLET.pin_tries,
        puk_tries=APPLET.puk_tries,
        pin_min_length=APPLET.pin_min_length,
        pin_max_length=8,
        puk_length=PUK_LENGTH,
        chaining=True,
    ),
    "D": CardKind(
        kind="D",
        title="PIV token with its maker's metadata, serial number and version; extended commands; takes any new PIN",
        atr=_atr_t1(bytes.fromhex("8073C021C066") + b"KKPIVD"),
        pin_tries=TOKEN.pin_tries,
        puk_tries=TOKEN.puk_tries,
        pin_min_length=TOKEN.pin_min_length,
        pin_max_length=8,
        puk_length=PUK_LENGTH,
        extended=True,
        chaining=True,
    ),
}
