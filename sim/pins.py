"""The virtual pins: the driver on gpiozero's mock pins, with a panel for a bench and for tests.

Rules, as on a Pi: contacts bounce or settle by the driver's own debounce; an output that is held cannot be driven; pins that
somebody else holds cannot be had.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from drivers.cabinet.gpio.driver import GpioPins
from drivers.cabinet.gpio.gpiozero_board import GpioError
from drivers.cabinet.gpio.pin_wiring import Role, Wiring

REVISION = "c03111"
"""The mock pins are those of a Raspberry Pi 4B."""


class WiredPin(MockPWMPin):
    """A mock pin with wires on it: a contact is stronger than the pull resistor, a short to ground than the output."""

    contact: bool | None = None
    short = False

    def wire(self, level: bool) -> None:
        """A contact puts the pin to that level."""
        self.contact = level
        if self.function == "input":
            self.drive_high() if level else self.drive_low()

    def ground(self, short: bool) -> None:
        """Short the pin to ground, or take the short away."""
        self.short = False
        if short:
            self._change_state(0.0)
        self.short = short

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.contact is not None:
            self.wire(self.contact)

    def _change_state(self, value: float) -> bool:
        return not self.short and bool(super()._change_state(value))


def mock_factory() -> Any:
    """gpiozero's own mock pins, with wires."""
    return MockFactory(revision=REVISION, pin_class=WiredPin)


class VirtualPins(GpioPins):
    """Implements `port.Pins`, and has the panel."""

    virtual = True

    def __init__(
        self,
        wiring: Wiring,
        *,
        name: str = "virtual pins",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """A shut door, no plug, nobody there. Raises WiringError."""
        super().__init__(wiring, self._pins, name=name, clock=clock, sleep=sleep)
        self.mock = mock_factory()
        self._contacts_now: dict[Role, bool] = {"door": False, "headphones": False, "presence": False}
        self._taken = False
        for role in self._inputs():
            self._put(role)

    # The panel: hands, and faults

    def open_door(self, opened: bool = True) -> None:
        """Open the service door, or shut it."""
        self._move("door", opened)

    def plug_headphones(self, plugged: bool = True) -> None:
        """Put a plug into the jack, or pull it."""
        self._move("headphones", plugged)

    def stand_before(self, present: bool = True) -> None:
        self._move("presence", present)

    @property
    def contacts(self) -> dict[Role, bool]:
        """State of each contact, True while it is active: door open, plug in, somebody there."""
        return dict(self._contacts_now)

    @property
    def lamp(self) -> bool:
        """True while the lamp is lit."""
        return self._level("lamp") > 0.5

    @property
    def backlight(self) -> float:
        """Brightness of the panel, 0 to 1."""
        return self._level("backlight")

    def set_stuck(self, role: Role, stuck: bool = True) -> None:
        """Something holds this output low (a short to ground), or lets go."""
        self.mock.pin(self._wiring[role].bcm).ground(stuck)
        if not stuck:
            self._drive(role, self._backlight if role == "backlight" else self._lit)

    def set_taken(self, taken: bool = True) -> None:
        """Another program holds the pins, or gives them back."""
        self._taken = taken
        if taken:
            self._let_go()

    # The inside

    def _pins(self) -> Any:
        if self._taken:
            raise GpioError("another program holds the pins")
        return self.mock

    def _move(self, role: Role, active: bool) -> None:
        self._contacts_now[role] = active
        if role in self._wiring:
            self._put(role)

    def _put(self, role: Role) -> None:
        pin = self.mock.pin(self._wiring[role].bcm)
        pin.wire(self._contacts_now[role] == (self._wiring[role].active == "high"))

    def _level(self, role: Role) -> float:
        if role not in self._wiring:
            return 0.0
        level = float(self.mock.pin(self._wiring[role].bcm).state)
        return level if self._wiring[role].active == "high" else 1.0 - level
