"""The availability of errands: what the station can offer now, and in which words it says why not.

Rules: what is broken keeps back only what needs it. A station that an administrator has put out of service still takes the report
of a lost card and gives information: a card that somebody else may have is not to wait until the station is open again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.errands.registry import ERRANDS, Errand
from kiosk.issuer.ports import Switches
from kiosk.region import RegionSettings
from kiosk.station.home_views import Offer, unavailable_text
from kiosk.station.out_of_service import ClosedTo
from kiosk.station.problems import Problems
from kiosk.views import Say

MOST_IN_FRONT = 6
"""Tiles of the home screen: where a region has no more errands, all stand there."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Reasons why errands are not offered, asked each time."""

    problems: Problems
    door_open: Callable[[], bool]
    closed: Callable[[], ClosedTo | None]
    """Why the station is out of service."""
    has_fleet: bool
    switches: Switches
    device_missing: Callable[[str], bool]
    """Whether what an errand needs is not there, or does not work: `reader` or `cabinet`."""
    region: RegionSettings = field(default_factory=RegionSettings)
    """Which of the ways to hand cards over it has."""

    def missing(self, errand: Errand) -> str | None:
        """Return the reason why an errand is not offered now: a code for which there is a sentence, `home.no.CODE`."""
        if not self.region.has_errand(errand.id):
            return "not_in_region"
        if self.problems.codes & {"store", "store_damaged", "running"}:
            return "store"
        if self.door_open():
            return "door"
        if self.closed() is not None and errand.place != "administrator" and not errand.entry.while_closed:
            return "closed"
        if "orders" in errand.needs and not self.has_fleet:
            return "orders"
        if self.switches.off(errand=errand.id) is not None:
            return "switched_off"
        needed = (kind for kind in ("reader", "cabinet") if kind in errand.needs)
        return next((kind for kind in needed if self.device_missing(kind)), None)

    def offers(self) -> tuple[Offer, ...]:
        """Every errand of the region, with the reason why it is not to be had. Where no cards are fetched, activation stands in
        front."""
        mine = [errand for errand in ERRANDS if self.region.has_errand(errand.id)]
        if len(mine) <= MOST_IN_FRONT:
            mine = [errand.in_front() if errand.place == "more" else errand for errand in mine]
        if not self.region.has_errand("pickup"):
            mine = [errand.in_front() if errand.id == "activate" else errand for errand in mine]
        return tuple((errand, self._reason(errand)) for errand in mine)

    def nothing_works(self) -> bool:
        """Return whether no errand at all can be had."""
        return all(self.missing(errand) is not None for errand in ERRANDS)

    def _reason(self, errand: Errand) -> Say | None:
        code = self.missing(errand)
        return None if code is None else unavailable_text(code, self.switches.off(errand=errand.id))
