"""Foreign cards: cards with traits that none of the shipped profiles is for, and the profile that a region would write.

>>> described_profile("B", ("counter-object", "verify-puk-then-new")).commands.unblock
'verify-then-new'
"""

from typing import Any

from drivers.reader.profiles import Profile, builtin
from sim.reader.applet_codes import FILLER as APPLET_FILLER
from sim.reader.cards import VirtualCard
from sim.reader.code_traits import NEW_ONLY, PUK_ONLY, CodeWays, code_ways
from sim.reader.file_traits import file_ways
from sim.reader.kinds import KINDS, t0_alone
from sim.reader.pkcs15_codes import FILLER, PUK_REFERENCE
from sim.reader.signing_traits import signing_ways

UNDESCRIBED = frozenset({"bare-codes"})
"""Traits of codes for which a profile has no key: with them no code is taken."""
LYING = frozenset({"reference-80", "pads-ff", "pads-00", "padding-untold"}) | UNDESCRIBED
"""Traits in which a card's codes are other than its directory says: without a profile no code is taken."""
_UNBLOCK = {NEW_ONLY: "verify-then-new", PUK_ONLY: "puk"}


def estrange(card: VirtualCard) -> VirtualCard:
    """Give it an answer to reset that no profile names."""
    card.atr = _another(card.atr)
    return card


def _another(atr: bytes) -> bytes:
    """Another last historical byte, and the check byte with it."""
    return atr[:-2] + bytes(byte ^ 0x01 for byte in atr[-2:])


def known_without_ours() -> list[Profile]:
    """The profiles that ship, but for those of virtual cards."""
    return [profile for profile in builtin() if not profile.name.startswith("virtual-")]


def described_profile(kind: str, traits: tuple[str, ...]) -> Profile:
    """The profile of such a card by who has it in hand: that of its kind, with what the traits change."""
    tables: dict[str, Any] = builtin().match_name(f"virtual-{kind.lower()}").model_dump()
    ways, files = code_ways(traits), file_ways(traits)
    tables |= {"name": "foreign", "title": "Foreign card", "rank": 30}
    atr = _another(t0_alone(KINDS[kind].atr) if files.t0 else KINDS[kind].atr)
    tables["match"] |= {"atr": ({"value": atr.hex()},)}
    if files.aid is not None:
        tables["match"]["aid"] = (files.aid.hex(),)
    tables["commands"] |= _commands(kind, ways, tables["commands"])
    signing = signing_ways(traits)
    if signing.algorithms is not None:
        tables["signing"] |= {"rsa": signing.algorithms.rsa[0], "ecdsa": signing.algorithms.ec[0]}
    if not signing.environment:
        tables["signing"]["template"] = ()
    if not signing.environment or signing.operations == {"internal-authenticate"}:
        tables["signing"]["identification"] = "internal-authenticate"
    if ways.puk_digits:
        tables["puk"] |= {"min_length": ways.puk_digits, "max_length": ways.puk_digits}
    if kind == "B" and not ways.lists_puk:
        tables["puk"] |= {
            "reference": PUK_REFERENCE | ways.reference_bit, "stored_length": max(8, ways.puk_digits),
        }  # fmt: skip
    return Profile.model_validate(tables)


def _commands(kind: str, ways: CodeWays, own: dict[str, Any]) -> dict[str, Any]:
    commands: dict[str, Any] = {"reference_or": ways.reference_bit}
    if ways.field is not None and ways.field.form == "filled":
        kinds = APPLET_FILLER if kind == "A" else FILLER
        commands["pad"] = kinds if ways.field.filler is None else ways.field.filler
    if ways.reset_modes:
        commands["unblock"] = _UNBLOCK[min(ways.reset_modes)]
    for key in ("counter", "counter_of_puk"):
        if ways.counter != "none" and own[key] == "empty-verify":
            commands[key] = ways.counter
        elif own[key] == "empty-verify" and (ways.empty_verify != "tells" or ways.counts_630x):
            commands[key] = "none"
    return commands
