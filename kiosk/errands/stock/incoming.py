"""A card on its way into the cabinet."""

from dataclasses import dataclass

from fleet.messages.link import Order
from kiosk.stock.stocktaking import RESERVE, StoredCard


@dataclass(frozen=True, slots=True)
class Incoming:
    """A card on its way into the cabinet. Without an order it is a reserve card for whoever needs one."""

    card_number: str
    order: Order | None
    listed: StoredCard | None = None
    """Where the list has it, for a card that is found somewhere else."""

    @property
    def order_number(self) -> str:
        """Empty where it has none."""
        if self.order is not None:
            return self.order.order
        return self.listed.order if self.listed is not None else ""

    @property
    def wanted(self) -> int:
        """The slot that it is meant for; 0 where none is."""
        if self.listed is not None:
            return self.listed.slot
        return self.order.slot if self.order is not None else 0

    @property
    def is_reserve(self) -> bool:
        """True for a reserve card: its envelope lies with it, and must be whole."""
        return not self.order_number or (self.order is not None and self.order.product == RESERVE)
