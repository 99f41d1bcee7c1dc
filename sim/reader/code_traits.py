"""Traits of codes: how single products describe, count, pad and reset PIN and PUK (ISO/IEC 7816-15 8.9, 7816-4 11.6).

A code is kept and compared as the kind does; `code_translation` puts a card's own commands into the kind's.

>>> code_ways(("no-puk-object",)).lists_puk
False
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from sim.reader.persona import Persona
from sim.reader.personas import SIGNATURE_PIN
from sim.reader.trait import Trait, merge

Form = Literal["filled", "bare", "block"]
"""A field of fixed length with filler; the code alone; or a PIN block (ISO 9564-1 format 2)."""
EmptyVerify = Literal["tells", "6700", "6A80", "counts"]
"""What a VERIFY without data does: tell the tries, be refused by that status word, or cost a try."""
NEW_ONLY, PUK_ONLY = 0x02, 0x01
"""P1 of RESET RETRY COUNTER (ISO/IEC 7816-4 11.6.10)."""
CHANGE_VERIFIED = 0x01
"""P1 of CHANGE REFERENCE DATA: the new code alone, after a VERIFY of the old one (11.6.7)."""


@dataclass(frozen=True, slots=True)
class CodeField:
    """Form of a code in a command. None: as the kind has it."""

    form: Form = "filled"
    filler: int | None = None
    told: int | None = None
    """The filler that the AODF tells."""
    tells: bool = True
    """The AODF says that codes are padded."""


@dataclass(frozen=True, slots=True)
class CodeWays:
    """Treatment of codes by a card. The default is as its kind does."""

    lists_puk: bool = True
    """The AODF has an object for the PUK, and the PIN's authId names it."""
    puk_digits: int = 0
    """Length of the PUK; 0: the persona's."""
    second_pin: bool = False
    """There is a second PIN, which guards no key yet, and no signature certificate."""
    pin_min_length: int = 0
    """Of a new PIN, which may be of letters too; 0: as its kind has it."""
    reference_bit: int = 0
    """P2 must have these bits set."""
    tells_reference: bool = False
    """The AODF has the reference with these bits."""
    field: CodeField | None = None
    empty_verify: EmptyVerify = "tells"
    counts_630x: bool = False
    """630x tells the tries, in the place of 63Cx."""
    counter: Literal["none", "ias-ecc", "df21"] = "none"
    """A data object that tells them."""
    must_change: bool = False
    """No key is used under a PIN as it was issued."""
    reset_modes: frozenset[int] = frozenset()
    """P1 of RESET RETRY COUNTER that it takes; empty: as its kind does."""
    change_p1: int = 0x00
    """P1 of CHANGE REFERENCE DATA that it takes."""
    refuses_new: Literal["", "history", "weak"] = ""
    """With the right old code: a new one that it has had before (6985), or with a digit twice in a row (6A80)."""
    initialized: bool = True
    """The AODF says that its codes are initialized."""
    path_told: bool = True
    """The AODF has the path of its codes; else an empty one."""
    global_pin: bool = False
    """PIV: the holder's PIN is the card's global one, which the PUK does not unlock; the application has a PIN of its own."""
    at_mf: bool = False
    """The code is global: it is known where the MF is current, and stays verified below it."""

    def persona(self, persona: Persona) -> Persona:
        """Return whose card it is, with the codes that such a card has."""
        if self.puk_digits:
            persona = replace(persona, puk=(persona.puk * 2)[: self.puk_digits])
        if self.second_pin or self.global_pin:
            persona = replace(persona, signature_pin=persona.signature_pin or SIGNATURE_PIN)
        return persona


def _pads(text: str, seen_on: str, field: CodeField) -> Trait:
    return Trait(text, seen_on, {"field": field})


CODE_TRAITS: dict[str, Trait] = {
    "no-puk-object": Trait(
        "lists no PUK among its codes", "MyEID as pkcs15-init makes it: OpenSC pkcs15-myeid.c", {"lists_puk": False}
    ),
    "puk-6": Trait("has a PUK of 6 digits", "YubiKey, which takes 6 to 8: ykman", {"puk_digits": 6}, "ABCD"),
    "puk-7": Trait("has a PUK of 7 digits", "YubiKey, which takes 6 to 8: ykman", {"puk_digits": 7}, "ABCD"),
    "puk-16": Trait("has a PUK of 16 digits", "IsoApplet: OpenSC isoApplet.profile", {"puk_digits": 16}),
    "idle-second-pin": Trait(
        "has a second PIN that guards no key yet", "cards where pkcs15-init stored a PIN before its key", {"second_pin": True},
        "B",
    ),
    "ascii-numeric": Trait(
        "takes letters and four characters, though its AODF says digits (type ascii-numeric)",
        "cards that pkcs15-init makes: OpenSC pkcs15.profile", {"pin_min_length": 4}, "B",
    ),
    "reference-80": Trait(
        "wants P2 with bit 8 set, though its AODF has the reference without",
        "CardOS: OpenSC card-cardos.c (pin_reference |= 0x80)", {"reference_bit": 0x80},
    ),
    "reference-80-told": Trait(
        "wants P2 with bit 8 set, and its AODF says so in one byte, a negative number",
        "EstEID 2025 (81 to 83): OpenSC card-esteid2025.c", {"reference_bit": 0x80, "tells_reference": True},
    ),
    "pads-ff": _pads(
        "wants codes padded with FF, though its AODF says 00", "Aventra MyEID: OpenSC card-myeid.c",
        CodeField(filler=0xFF, told=0x00),
    ),
    "pads-00": _pads(
        "wants codes padded with 00, though its AODF says FF", "Thales IDPrime: OpenSC card-idprime.c",
        CodeField(filler=0x00, told=0xFF),
    ),
    "padding-untold": _pads(
        "wants codes padded, though its AODF does not say so", "CardOS: OpenSC card-cardos.c (SC_PIN_CMD_NEED_PADDING)",
        CodeField(tells=False),
    ),
    "bare-codes": _pads(
        "refuses codes that are padded, though its AODF says that they are", "eToken 5110: OpenSC card-idprime.c",
        CodeField("bare"),
    ),
    "iso9564": Trait(
        "wants codes as PIN blocks of ISO 9564-1 format 2, as its AODF says", "Belgian eID: OpenSC card-belpic.c",
        {"field": CodeField("block"), "puk_digits": 8},
    ),
    "silent-counters": Trait(
        "refuses a VERIFY without data as a wrong length (6700)",
        "cards without SC_CARD_CAP_ISO7816_PIN_INFO: OpenSC opensc.h; the word is unverified", {"empty_verify": "6700"}, "ABCD",
    ),
    "silent-counters-6a80": Trait(
        "refuses a VERIFY without data as bad data (6A80)",
        "cards without SC_CARD_CAP_ISO7816_PIN_INFO: OpenSC opensc.h; the word is unverified", {"empty_verify": "6A80"}, "ABCD",
    ),
    "counting-empty-verify": Trait(
        "counts a VERIFY without data as a wrong try",
        "cards for whose sake OpenSC has SC_CARD_CAP_ISO7816_PIN_INFO: opensc.h", {"empty_verify": "counts"},
    ),
    "counts-630x": Trait(
        "tells the tries as 630x, not 63Cx", "YubiKey NEO: OpenSC card-piv.c (CI_VERIFY_630X)", {"counts_630x": True}, "CD"
    ),
    "counter-object": Trait(
        "tells the tries in the data object of a code (GET DATA 4D 08 70 06 BF 81 ref 02 A0 80)",
        "IAS-ECC: EstEID 2018, Latvia, Finnish health professionals: OpenSC card-iasecc.c, card-esteid2018.c",
        {"counter": "ias-ecc"},
    ),
    "counter-df21": Trait(
        "tells the tries in DF21 and whether the code was changed in DF2F (GET DATA A0 03 83 01 ref)",
        "Thales: EstEID 2025, FinEID: OpenSC card-esteid2025.c", {"counter": "df21"},
    ),
    "must-change": Trait(
        "uses no key until the PIN was changed (6985); DF2F is 00 until then",
        "Thales: EstEID 2025, FinEID: OpenSC card-esteid2025.c", {"must_change": True},
    ),
    "verify-puk-then-new": Trait(
        "resets a PIN only after a VERIFY of the PUK (P1=02)", "IAS-ECC: OpenSC card-iasecc.c, card-esteid2018.c",
        {"reset_modes": frozenset({NEW_ONLY})}, "B",
    ),
    "puk-only": Trait(
        "resets a PIN by the PUK alone and leaves it as it was (P1=01)", "STARCOS: OpenSC card-starcos.c",
        {"reset_modes": frozenset({PUK_ONLY})}, "B",
    ),
    "change-verified": Trait(
        "changes a PIN by the new one alone, after a VERIFY of the old one (P1=01)",
        "ISO/IEC 7816-4 11.6.7, OpenSC iso7816.c (P1 is 01 without an old PIN); the product is unverified",
        {"change_p1": CHANGE_VERIFIED},
    ),
    "refuses-old-codes": Trait(
        "refuses a new PIN that it has had before (6985)",
        "Thales IDPrime with a PIN history, YubiKey 5.7 with PIN complexity (6985: ykman)",
        {"refuses_new": "history"},
    ),
    "refuses-weak-codes": Trait(
        "refuses a new PIN with a digit twice in a row (6A80)", "PIV applets with rules of their own (SP 800-73-4 part 2, 3.2.2)",
        {"refuses_new": "weak"},
    ),
    "never-initialized": Trait(
        "lists its codes without the flag `initialized`, whoever has changed them",
        "IsoApplet as pkcs15-init made it: OpenSC pull request 591", {"initialized": False},
    ),
    "empty-code-path": Trait(
        "lists its codes with an empty path", "cards whose codes are where their AODF is: ISO/IEC 7816-15 8.2.5",
        {"path_told": False},
    ),
    "global-pin": Trait(
        "has a global PIN with tries of its own, which its discovery object prefers (5F2F 60 20) and its PUK does not unlock",
        "SP 800-73-4 part 1, 3.3.2: CAC and PIV cards with one PIN for all applications; the product is unverified",
        {"global_pin": True}, "C",
    ),
    "one-code-mf": Trait(
        "has one code, of the MF: VERIFY wants the MF to be current", "FinEID (reference 11 is global): FINEID S1",
        {"at_mf": True, "second_pin": False},
    ),
}  # fmt: skip


def code_ways(traits: Iterable[str]) -> CodeWays:
    """Return how a card with those traits treats its codes."""
    return merge(CodeWays(), CODE_TRAITS, traits)
