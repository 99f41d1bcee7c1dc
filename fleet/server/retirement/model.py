"""Retirement of stations: what still belongs to one, and what may be done, as values.

>>> LeftBehind(orders=(("O-1", 3),), in_bin=2).lines
('order O-1 (slot 3)', 'cards in the bin: 2')
"""

from dataclasses import dataclass

REVOKE = "kortkiosk-provision revoke AUTHORITY {station}"
"""The command that revokes a station's certificate; AUTHORITY is the folder of the authority."""

LeftCard = tuple[str, int]
"""An order or a card number (empty: unknown), and its slot (0: none)."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Cards that belong to a station. It is not retired while there are any."""

    orders: tuple[LeftCard, ...] = ()
    """Orders whose card is to be collected there, or lies there still."""
    reserve: tuple[LeftCard, ...] = ()
    """Cards in slots without an order."""
    in_bin: int = 0

    def __bool__(self) -> bool:
        return bool(self.orders or self.reserve or self.in_bin)

    @property
    def lines(self) -> tuple[str, ...]:
        """One for each, in English."""
        orders = (f"order {order}{_slot(slot)}" for order, slot in self.orders)
        reserve = (f"reserve card {number or 'of unknown number'}{_slot(slot)}" for number, slot in self.reserve)
        return (*orders, *reserve, *([f"cards in the bin: {self.in_bin}"] if self.in_bin else []))


def _slot(slot: int) -> str:
    return f" (slot {slot})" if slot else ""


class UnknownStationError(Exception):
    """There is no station of that name."""


class RetirementRefusedError(Exception):
    """It is retired already, is not retired, or has cards. The text says which; `left` are the cards."""

    def __init__(self, text: str, left: LeftBehind | None = None) -> None:
        super().__init__(text)
        self.left = left or LeftBehind()
