"""State machine of a card at its issuer: what each change comes to in each state. docs/issuer.md has the table.

>>> after("hold", CardRecord("9999", "TEST000000-0001", "601", "waiting"))
'held'
>>> after("puk", CardRecord("9999", "TEST000000-0001", "601", "held"))
Refused(reason='card_held')
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fleet.messages.issuing import CardRecord, CardState

Change = Literal["received", "hold", "lift", "block", "letter", "challenge", "puk"]
Group = Literal["before use", "active", "held", "dead"]
Next = CardState | Literal["same", "back"]
"""`same`: the state stays; `back`: to the state that the card was held from."""

GROUPS: Mapping[CardState, Group] = {
    "ordered": "before use", "waiting": "before use", "handed_out": "before use",
    "active": "active",
    "held": "held",
    "blocked": "dead", "returned": "dead", "voided": "dead",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """HTTP 409 with that reason; `STATE` in it stands for the state of the card."""

    reason: str


_CARD_STATE = Refused("card_STATE")
_NOT_HELD = Refused("not_held")
TRANSITIONS: Mapping[Change, Mapping[Group, Next | Refused]] = {
    "received": {"before use": "active", "active": "same", "held": "same", "dead": _CARD_STATE},
    "hold": {"before use": "held", "active": "held", "held": "same", "dead": _CARD_STATE},
    "lift": {"before use": _NOT_HELD, "active": _NOT_HELD, "held": "back", "dead": _NOT_HELD},
    "block": {"before use": "blocked", "active": "blocked", "held": "blocked", "dead": "blocked"},
    "letter": {"before use": "same", "active": "same", "held": "same", "dead": _CARD_STATE},
    "challenge": {"before use": "same", "active": "same", "held": _CARD_STATE, "dead": _CARD_STATE},
    "puk": {"before use": "same", "active": "same", "held": _CARD_STATE, "dead": _CARD_STATE},
}


def after(change: Change, card: CardRecord) -> CardState | Refused:
    """The state that the card is in afterwards, or the refusal."""
    transition = TRANSITIONS[change][GROUPS[card.state]]
    if isinstance(transition, Refused):
        return Refused(transition.reason.replace("STATE", card.state))
    if transition == "back":
        return card.held_from or "active"
    return card.state if transition == "same" else transition


def held_from_after(change: Change, card: CardRecord) -> CardState | None:
    """Return the state that a card goes back to when its hold ends; None where it is not on hold afterwards. A card
    that is received while it is on hold goes back to use."""
    if after(change, card) != "held":
        return None
    if change == "received":
        return "active"
    return card.held_from if card.state == "held" else card.state
