"""The errands of this station, in the order in which the home screen shows them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from kiosk.errands.administrate.journey import administrate
from kiosk.errands.attend.journey import attend
from kiosk.errands.change_pin.journey import change_pin
from kiosk.errands.check_card.journey import check_card
from kiosk.errands.clean_up.journey import clean_up
from kiosk.errands.empty_bin.journey import empty_bin
from kiosk.errands.information.journey import information
from kiosk.errands.pickup.journey import pickup
from kiosk.errands.renew_certificate.journey import renew_certificate
from kiosk.errands.report_lost.journey import found_again, report_lost
from kiosk.errands.reserve_certificate.journey import reserve_certificate
from kiosk.errands.return_card.journey import return_card
from kiosk.errands.service.journey import service
from kiosk.errands.stock.journey import stock
from kiosk.errands.unblock.journey import unblock
from kiosk.ports import FOUND_AGAIN, Ask, ErrandLog
from kiosk.steps.capabilities import Capabilities, Ended

Journey = Callable[[Ask, Capabilities, ErrandLog], Awaitable[Ended]]
Place = Literal["front", "more", "administrator"]


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: its id is its folder, its texts have the keys `home.ID` and `home.ID.detail`.

    `needs`: devices without which it is not offered (`reader`, `cabinet`, `orders`). `place`: where its tile is.
    `own_card`: it begins with the holder's own card, so it is a choice when somebody puts a card in.
    """

    id: str
    icon: str
    journey: Journey
    needs: frozenset[str]
    place: Place = "front"
    own_card: bool = True


_CARD = frozenset({"reader"})
_HAND_OUT = frozenset({"reader", "cabinet", "orders"})
ERRANDS = (
    Errand("pickup", "door-open", pickup, _HAND_OUT, own_card=False),
    Errand("unblock", "lock-open-variant-outline", unblock, _CARD),
    Errand("change_pin", "form-textbox-password", change_pin, _CARD),
    Errand("check_card", "stethoscope", check_card, _CARD),
    Errand("return_card", "inbox-arrow-down-outline", return_card, frozenset({"reader", "cabinet", "orders"})),
    Errand("report_lost", "smart-card-off-outline", report_lost, frozenset({"orders"})),
    Errand("renew_certificate", "update", renew_certificate, _CARD, "more"),
    Errand(
        "reserve_certificate", "certificate-outline", reserve_certificate, _CARD | {"orders"}, "more", own_card=False
    ),
    Errand("clean_up", "delete-empty-outline", clean_up, _CARD, "more"),
    Errand("information", "help-circle-outline", information, frozenset(), "more", own_card=False),
    Errand(
        "administrate", "account-check-outline", administrate, frozenset({"reader", "orders"}), "more", own_card=False
    ),
    Errand("empty_bin", "archive-arrow-down-outline", empty_bin, _HAND_OUT, "administrator", own_card=False),
    Errand("stock", "plus", stock, _HAND_OUT, "administrator", own_card=False),
    Errand("attend", "account-check-outline", attend, _HAND_OUT, "administrator", own_card=False),
    Errand("service", "wrench-outline", service, _CARD, "administrator", own_card=False),
)


def errand_of(begins: str) -> Errand | None:
    """The errand that a choice, or the end of another errand (`Ended.then`), begins."""
    name = "report_lost" if begins == FOUND_AGAIN else begins
    errand = next((one for one in ERRANDS if one.id == name), None)
    return replace(errand, journey=found_again) if errand is not None and begins == FOUND_AGAIN else errand
