"""Slots that stand open between errands: told on the first screen, and a problem of the station, until they are shut or an
administrator has seen to them.

A power cut or a fault may leave a door open with somebody's card behind it; no coil closes a door. Rules: only what a sensor says
counts; a door that an administrator has left open after looking keeps no visitor from the home screen.
"""

from dataclasses import dataclass, field

from kiosk.station.devices import Devices
from kiosk.station.problems import Problems

PROBLEM = "slot_open"


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """One slot that stands open, of so many. `seen_to`: an administrator was here since."""

    number: int
    slots: int
    seen_to: bool


@dataclass(slots=True)
class OpenSlots:
    """The watch over the doors, as the devices were last looked at."""

    devices: Devices
    problems: Problems
    _seen_to: set[int] = field(default_factory=set)

    def look(self) -> OpenSlot | None:
        """The slot to tell of: first one that nobody has seen to."""
        numbers = self._numbers()
        self._seen_to &= set(numbers)
        if not numbers:
            self.problems.clear(PROBLEM)
            return None
        if PROBLEM not in self.problems.codes:
            self.problems.report(PROBLEM, f"slot {numbers[0]} stands open: close it, and see whether its card is there")
        number = next((slot_number for slot_number in numbers if slot_number not in self._seen_to), numbers[0])
        return OpenSlot(number, len(self.devices.slots), number in self._seen_to)

    def see_to(self) -> None:
        """An administrator was at the menu: what stands open now, they know of."""
        self._seen_to = set(self._numbers())

    def _numbers(self) -> list[int]:
        return [slot.number for slot in self.devices.slots if slot.door == "open"]
