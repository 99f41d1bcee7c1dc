"""The errands of this station, in the order in which the home screen shows them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kiosk.journeys.desk import Desk, Ended
from kiosk.journeys.pickup import pickup
from kiosk.ports import Ask, ErrandLog

Journey = Callable[[Ask, Desk, ErrandLog], Awaitable[Ended]]


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: its id is that of product.md, its texts have the keys `home.ID` and `home.ID.detail`."""

    id: str
    icon: str
    journey: Journey
    needs: frozenset[str]
    """Devices without which it is not offered: `reader`, `cabinet`, `orders`."""


ERRANDS = (Errand("pickup", "door-open", pickup, frozenset({"reader", "cabinet", "orders"})),)
