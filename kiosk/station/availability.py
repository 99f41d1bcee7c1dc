"""What a station can offer now, and in which words it says why not.

Rules: what is broken keeps back only what needs it. A station that an administrator has put out of service still takes the report
of a lost card and gives information: a card that somebody else may have is not to wait until the station is open again.
"""

from typing import TYPE_CHECKING

from kiosk.errands.registry import ERRANDS, Errand
from kiosk.station.home_views import ADMINISTRATE, Offer, why_not
from kiosk.views import Say

if TYPE_CHECKING:
    from kiosk.station.station import Station

WHILE_CLOSED = frozenset({ADMINISTRATE, "report_lost", "information"})
"""What is offered while the station is out of service: the way back, and what no holder is to be kept waiting for."""


def missing(station: "Station", errand: Errand) -> str | None:
    """What keeps an errand from being offered now: a code for which there is a sentence, `home.no.CODE`."""
    if any(problem.code in ("store", "running") for problem in station.problems):
        return "store"
    if station.caretaker is not None and station.caretaker.door_open:
        return "door"
    closed = station.out_of_service.why is not None
    if closed and errand.place != "administrator" and errand.id not in WHILE_CLOSED:
        return "closed"
    if "orders" in errand.needs and station.fleet is None:
        return "orders"
    if station.switches.off(errand=errand.id) is not None:
        return "switched_off"
    return next(
        (kind for kind in ("reader", "cabinet") if kind in errand.needs and station.devices.missing(kind)), None
    )


def offers(station: "Station") -> tuple[Offer, ...]:
    """Every errand, with the reason why it is not to be had."""
    return tuple((errand, _reason(station, errand)) for errand in ERRANDS)


def _reason(station: "Station", errand: Errand) -> Say | None:
    code = missing(station, errand)
    return None if code is None else why_not(code, station.switches.off(errand=errand.id))
