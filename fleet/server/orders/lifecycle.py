"""The life of an order and its card, from ordered to returned or destroyed: one table of what may follow. Pure.

Rules: state and happening give the next state; what the table does not name does not happen. Imports, the API, events of
stations and deadlines all go through it. A card that has been handed over in truth is never said not to be: a station that was
away may still tell of it after the order was closed.

>>> after("waiting", "taken"), after("destroyed", "taken")
('taken', None)
"""

from collections.abc import Mapping
from typing import Literal, get_args

State = Literal[
    "coming",
    "waiting",
    "taken",
    "misplaced",
    "taken_out",
    "activated",
    "collected",
    "cancelled",
    "voided",
    "returned",
    "destroyed",
]
"""`coming`: ordered, and no slot has been given to the card yet. `misplaced`: the card is not in its slot; the order is not
offered until the card is put in again or its row is imported anew. `activated`: the card is its holder's, the receipt is owed."""

Happening = Literal[
    "given_slot",
    "given_no_slot",
    "stored",
    "taken_out",
    "missing",
    "taken",
    "wrong_card",
    "activated",
    "collected",
    "cancelled",
    "voided",
    "returned",
    "destroyed",
]

CAUSE: Mapping[Happening, str] = {
    "given_slot": "the office: a new or changed row names a slot",
    "given_no_slot": "the office: a new or changed row names none",
    "stored": "an ID administrator put the card into a slot",
    "taken_out": "an ID administrator took the card out",
    "missing": "an ID administrator did not find the card in its slot",
    "taken": "the holder took the card out of its slot",
    "wrong_card": "the holder put another card back, which had lain there",
    "activated": "the holder chose a code, and the card was tested",
    "collected": "the receipt was signed",
    "cancelled": "the order system cancelled the order",
    "voided": "a deadline: it was not collected in time",
    "returned": "the card fell into a bin",
    "destroyed": "two administrators emptied that bin; or one told that the card is destroyed",
}
"""Who or what makes it happen."""

NEW: Mapping[Happening, State] = {"given_slot": "waiting", "given_no_slot": "coming"}
"""How an order begins."""

_HANDED_OVER: Mapping[Happening, State] = {"activated": "activated", "collected": "collected"}
_CLOSED: Mapping[Happening, State] = {"cancelled": "cancelled", "voided": "voided"}
_SHELVED: Mapping[Happening, State] = {
    "given_slot": "waiting",
    "stored": "waiting",
    "taken_out": "taken_out",
    "missing": "misplaced",
    **_HANDED_OVER,
    **_CLOSED,
}
_ENDED_EARLY: Mapping[Happening, State] = {
    "given_slot": "waiting",
    "given_no_slot": "coming",
    "taken": "taken",
    **_HANDED_OVER,
    "destroyed": "destroyed",
}

TABLE: Mapping[State, Mapping[Happening, State]] = {
    "coming": {**_SHELVED, "given_no_slot": "coming", "taken": "taken"},
    "waiting": {**_SHELVED, "given_no_slot": "waiting", "taken": "taken", "wrong_card": "misplaced"},
    "taken": {"wrong_card": "misplaced", **_HANDED_OVER},
    "misplaced": {**_SHELVED, "given_no_slot": "coming"},
    "taken_out": {**_SHELVED, "given_no_slot": "coming", "destroyed": "destroyed"},
    "activated": {"collected": "collected", "returned": "returned"},
    "collected": {"returned": "returned"},
    "cancelled": {**_ENDED_EARLY, "taken_out": "cancelled", "missing": "cancelled"},
    "voided": {**_ENDED_EARLY, "taken_out": "voided", "missing": "voided"},
    "returned": {"destroyed": "destroyed"},
    "destroyed": {},
}

STATES: tuple[State, ...] = get_args(State)
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)
OPEN: tuple[State, ...] = ("coming", "waiting", "taken")
"""Offered to their holders."""
UNCOLLECTED: tuple[State, ...] = ("coming", "waiting", "misplaced", "taken_out")
"""The card is ours, and somebody is still to have it."""
UNSIGNED: tuple[State, ...] = ("taken", "activated")
"""The card is out of the slot, and no receipt is signed."""
IN_HAND: tuple[State, ...] = ("activated", "collected")
"""The holder has the card and can use it."""
ENDED_EARLY: tuple[State, ...] = ("cancelled", "voided")


def after(state: str | None, happening: Happening) -> State | None:
    """The state that follows; None where it does not happen. A `state` of None is an order that is not known yet."""
    steps = NEW if state is None else TABLE.get(state, {})  # type: ignore[call-overload]
    follows: State | None = steps.get(happening)
    return follows
