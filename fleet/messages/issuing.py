"""Types of people, cards and certificates that pass between issuer, server and station.

The questions about them are in `fleet.messages.asking`.

>>> switches_off(SwitchOff("errand", "pickup"), errand="pickup")
True
"""

from typing import Literal

import msgspec

BlockReason = Literal["lost", "stolen", "code_known", "returned", "left", "replaced", "damaged", "own_wish"]
"""Why a card is blocked for good."""
HoldReason = Literal["forgotten", "lost", "found", "stolen", "code_known", "returned", "envelope_broken", "deadline"]
"""Why a card is put on hold. `found`: somebody else handed it in. `deadline`: the server did it, when a time had run out."""
GRAVE_HOLDS: tuple[HoldReason, ...] = ("stolen", "code_known")
"""Holds that an administrator alone lifts."""
CardState = Literal["ordered", "waiting", "handed_out", "active", "held", "blocked", "returned", "voided"]
Profile = Literal["identification", "signature", "reserve"]
"""Kinds of certificate that may be asked for. `reserve`: LoA2 on a reserve card."""

AdministratorRole = Literal["KRA", "KUR"]
"""KRA attends; KUR is needed of both where two attend for a holder with a protected identity."""


class DirectoryPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An employee as the directory knows them. Days are ISO 8601; `name` is None for a protected identity."""

    hsa_id: str
    name: str | None
    protected: bool = False
    employed_until: str | None = None
    """Last day of the present assignment; None without an end."""
    left: str | None = None
    """Day on which the last assignment ended."""
    continued: bool = False
    """Another assignment in the region follows: the card may be kept."""
    name_changed: str | None = None


class CardRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card as the register knows it."""

    card_number: str
    hsa_id: str
    product: str
    state: CardState
    loa: Literal[2, 3] = 3
    reserve: bool = False
    held_from: CardState | None = None
    hold_reason: HoldReason | None = None
    activate_by: str | None = None
    """Last day to activate a card that was handed out."""
    also: tuple[str, ...] = ()
    """Further HSA-ids that the card's certificates name: of the same person, at other employers."""

    @property
    def hsa_ids(self) -> tuple[str, ...]:
        """All of its holder's."""
        return (self.hsa_id, *self.also)

    def as_of(self, hsa_id: str) -> "CardRecord":
        """The same card, as it stands for that one of its holder's HSA-ids.

        >>> CardRecord("9999", "SE1-A", "601", "active", also=("SE2-B",)).as_of("SE2-B").hsa_ids
        ('SE2-B', 'SE1-A')
        """
        others = tuple(other for other in self.hsa_ids if other != hsa_id)
        return msgspec.structs.replace(self, hsa_id=hsa_id, also=others)


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A certificate that a card may be given now. `not_after` is the last day that it may have."""

    profile: Profile
    loa: Literal[2, 3]
    not_after: str
    administrators: int = 0
    """So many ID administrators must attend."""
    phased_out: str | None = None
    """The region's last day of this level of assurance: warn."""
    by_hand: bool = False
    """People make it in the issuer's portal, from the request as a file."""
    key: str = ""
    """The key of this card that waits for it there: SubjectPublicKeyInfo, base64."""
    ready: bool = False
    """Somebody has given it back for that key, and no station has fetched it."""


ON_A_TILE = 40
"""So many characters of a text stand on the tile of an errand."""


class SwitchOff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that is switched off everywhere.

    `what` is an errand's id, a product (an X stands for any digit: `6XX`), or `FIRST-LAST` of card numbers.
    """

    kind: Literal["errand", "product", "batch"]
    what: str
    text: dict[str, str] = {}
    """Why, for the person, by language (`sv`, `en`). That of an errand stands on its tile: at most `ON_A_TILE` characters."""
    since: str | None = None


def switches_off(switch_off: SwitchOff, *, errand: str = "", product: str = "", card_number: str = "") -> bool:
    """Return whether it names the errand, the product, or a batch that has the number. Numbers of another length are in none.

    >>> switches_off(SwitchOff("batch", "9990001-9990009"), card_number="9990005")
    True
    """
    if switch_off.kind == "errand":
        return switch_off.what == errand
    if switch_off.kind == "product":
        return stands_for(switch_off.what, product)
    first, _, last = switch_off.what.partition("-")
    return len(first) == len(card_number) == len(last) and first <= card_number <= last


def stands_for(pattern: str, product: str) -> bool:
    """Return whether the pattern names that product code: an X stands for any digit.

    >>> stands_for("6XX", "601"), stands_for("6XX", "701")
    (True, False)
    """
    return len(pattern) == len(product) and all(
        expected == character or (expected == "X" and character.isdigit())
        for expected, character in zip(pattern, product, strict=True)
    )
