"""Orders: their life cycle, from ordered to returned or destroyed, and their values as pages and programs see them.

The life cycle is one table of what may follow. It is pure.

>>> state_after("waiting", "cancelled")
'cancelled'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import msgspec

from fleet.messages.link import Delivery

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


OrderEvent = Literal[
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


CAUSE: Mapping[OrderEvent, str] = {
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


NEW: Mapping[OrderEvent, State] = {"given_slot": "waiting", "given_no_slot": "coming"}
"""How an order begins."""


_HANDED_OVER: Mapping[OrderEvent, State] = {"activated": "activated", "collected": "collected"}


_CLOSED: Mapping[OrderEvent, State] = {"cancelled": "cancelled", "voided": "voided"}


_SHELVED: Mapping[OrderEvent, State] = {
    "given_slot": "waiting",
    "stored": "waiting",
    "taken_out": "taken_out",
    "missing": "misplaced",
    **_HANDED_OVER,
    **_CLOSED,
}


_ENDED_EARLY: Mapping[OrderEvent, State] = {
    "given_slot": "waiting",
    "given_no_slot": "coming",
    "taken": "taken",
    **_HANDED_OVER,
    "destroyed": "destroyed",
}


TABLE: Mapping[State, Mapping[OrderEvent, State]] = {
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


HAPPENINGS: tuple[OrderEvent, ...] = get_args(OrderEvent)


OPEN: tuple[State, ...] = ("coming", "waiting", "taken")
"""Offered to their holders."""


RECEIPT_OWED: tuple[State, ...] = ("activated",)
"""Offered for the receipt alone, at whichever station the holder comes back to."""


RELEASED_LOA = 2
"""Only cards of this level are handed out by the code in the letter."""


UNCOLLECTED: tuple[State, ...] = ("coming", "waiting", "misplaced", "taken_out")
"""The card is ours, and somebody is still to have it."""


UNSIGNED: tuple[State, ...] = ("taken", "activated")
"""The card is out of the slot, and no receipt is signed."""


IN_HAND: tuple[State, ...] = ("activated", "collected")
"""The holder has the card and can use it."""


NOT_HANDED_OVER: tuple[State, ...] = (*UNCOLLECTED, "taken", "voided")
"""The card is not its holder's to use yet, wherever it is. An order that was cancelled counts as none."""


ENDED_EARLY: tuple[State, ...] = ("cancelled", "voided")


def state_after(state: str | None, happening: OrderEvent) -> State | None:
    """The state that follows; None where it does not happen. A `state` of None is an order that is not known yet."""
    steps = NEW if state is None else TABLE.get(state, {})  # type: ignore[call-overload]
    follows: State | None = steps.get(happening)
    return follows


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order. `state`: as `fleet.server.orders.model` has it (`STATES`), and `expired` for one that waits past its last day.
    `slot` is 0 where the card lies in none."""

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: int
    station: str
    slot: int
    last_day: str
    state: str
    changed: datetime
    delivery: Delivery = "station"
    made: datetime | None = None
    """When it was first imported, or anew after it was closed."""
    registered: bool = True
    """False: the card was handed over, and the issuer has not confirmed that."""

    @property
    def shown_state(self) -> str:
        """In a word: handed over, and not registered; else its state."""
        return self.state if self.registered or self.state != "collected" else "unregistered"


class OrderMoved(msgspec.Struct, frozen=True, gc=False):
    """The card has been taken, was another one, is activated, is collected."""

    order: str
    what: OrderEvent
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order as imported. No code of any kind: `envelope_mac` is the issuer's HMAC as hex."""

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: int
    station: str
    slot: int
    last_day: str
    envelope_key: str | None
    envelope_mac: str | None
    delivery: Delivery = "station"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A record and the line of the file that it came from."""

    line: int
    record: OrderRecord
