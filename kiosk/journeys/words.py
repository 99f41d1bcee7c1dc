"""Small pieces that the views of all errands share: numbers in fours, the holder's name or HSA-id, common buttons."""

from kiosk.ports import Order
from kiosk.views import CANCEL, Button, say


def fours(number: str) -> str:
    """A card number in groups of four, counted from its end: `9752 2690 4471 3058`."""
    first = len(number) % 4
    groups = [number[:first]] if first else []
    return " ".join(groups + [number[i : i + 4] for i in range(first, len(number), 4)])


def tail(number: str) -> str:
    """The last eight digits, which is what people compare."""
    return fours(number[-8:])


def person(order: Order) -> str:
    """The name, or the HSA-id alone where the identity is protected."""
    return order.hsa_id if order.protected or not order.name else order.name


def cancel() -> Button:
    """The way out that ends the errand."""
    return Button(CANCEL, say("button.cancel"), "close")


def back() -> Button:
    """The way out that goes one question back."""
    return Button("back", say("button.back"), "arrow-left")


def go(value: str, key: str, icon: str = "arrow-right") -> Button:
    """A primary button."""
    return Button(value, say(key), icon)
