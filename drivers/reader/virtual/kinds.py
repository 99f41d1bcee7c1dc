"""Which kinds of virtual card this version has, and what each is like. Letters are those of the table of real cards."""

from dataclasses import dataclass

from drivers.reader.virtual import pins

ATR_T1 = bytes.fromhex("3BF59600008131FE454D7945494414")
"""Offers T=1; the historical bytes are those by which drivers know this kind of card."""
ATR_T0 = bytes.fromhex("3B8580014D7945494478")
"""The same historical bytes, with T=0 offered first."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind is like. Lengths in characters."""

    kind: str
    title: str
    atr: bytes
    pin_tries: int
    puk_tries: int
    pin_min_length: int
    pin_max_length: int
    puk_length: int


KINDS: dict[str, Kind] = {
    "B": Kind(
        kind="B",
        title="ISO/IEC 7816-15 card, found by the PKCS#15 AID; codes padded with FF to 8",
        atr=ATR_T1,
        pin_tries=pins.PIN_TRIES,
        puk_tries=pins.PUK_TRIES,
        pin_min_length=pins.PIN_MIN_LENGTH,
        pin_max_length=pins.PIN_MAX_LENGTH,
        puk_length=pins.PUK_LENGTH,
    )
}
