"""Orders as pages and programs see them."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from fleet.server.orders.lifecycle import Happening


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order. `state`: as `fleet.server.orders.lifecycle` has it, and `expired` for one that waits past its last day.
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


class OrderMoved(msgspec.Struct, frozen=True, gc=False):
    """The card has been taken, was another one, is activated, is collected."""

    order: str
    what: Happening
    at: datetime
