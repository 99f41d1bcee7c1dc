"""The status of a station: what goes on, whether it is open to visitors, and what can be had."""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from fleet.messages.link import Lack
from kiosk.station.activity import StationActivity
from kiosk.station.availability import Availability
from kiosk.station.forgotten_card import ForgottenCardWatch
from kiosk.station.gpio_service import Condition, ServiceDoor
from kiosk.station.out_of_service import ClosedTo, OutOfService
from kiosk.station.pilot import Pilot


@dataclass(frozen=True, slots=True)
class StationStatus:
    """The status now, read from the parts that know."""

    activity: StationActivity
    availability: Availability
    door: ServiceDoor
    notice: OutOfService
    forgotten: ForgottenCardWatch
    pilot: Pilot

    @property
    def out_of_service(self) -> str | None:
        """Why the station is closed to visitors. An open service door goes before a notice."""
        return "door" if self.door.is_open() else self.closed

    @property
    def closed(self) -> ClosedTo | None:
        """Why an administrator, or the station itself, has closed it.

        A station that believes no card would call each one false: it is closed until it is told whose cards it believes. In a
        pilot that stores no person nobody has to be believed.
        """
        if self.notice.why or self.pilot.stopped:
            return self.notice.why or "pilot"
        return "unready" if "anchors" in self.lacks and not self.pilot.rules.stores_no_person else None

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """The settings that somebody is still to give."""
        return tuple(lack for lack in get_args(Lack) if lack in self.availability.problems.codes)

    @property
    def card_left_in(self) -> datetime | None:
        """Since when a card has been left in the reader."""
        return self.forgotten.since

    def condition(self, touched: float) -> Condition:
        """Return the condition that sets lamp and panel."""
        fault = self.closed is not None or self.availability.nothing_works()
        errand, left_in = self.activity.errand is not None, self.card_left_in is not None
        return Condition(fault, errand, self.activity.view, touched, left_in)
