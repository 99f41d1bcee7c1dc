"""GPIO pins through gpiozero; the only file that imports it, but for the pin factory beside it.

Levels become meanings here: `active` is lit, open, plugged in, present. Every fault of gpiozero, or of the pin library
under it (gpiod; RPi.GPIO, on a Pi 5 rpi-lgpio, for who has it), is a `GpioError`. Edges are told from the library's own thread.

    board = GpioBoard({"lamp": GpioPin(17, "out")}, pi_factory())
    board.drive("lamp", 1.0)
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from gpiozero import Device, DigitalInputDevice, DigitalOutputDevice, GPIOZeroError, PWMOutputDevice

from drivers.cabinet.gpio.pin_wiring import OUTPUTS, GpioPin, Role, Wiring

T = TypeVar("T")

PWM_HZ = 500
"""Of the backlight: far above what flickers."""


class GpioError(Exception):
    """The pins cannot be had; the text says why."""


def _translate_faults(act: Callable[[], T]) -> T:
    """Do it; what a pin library raises (RuntimeError, OSError, lgpio's error, gpiozero's own) becomes a GpioError.

    It is raised after the other has been let go: gpiozero counts a pin as taken as long as a device that failed lives on
    in a traceback.
    """
    try:
        return act()
    except (GPIOZeroError, OSError, RuntimeError, ValueError, ImportError) as error:
        reason = str(error) or type(error).__name__
    raise GpioError(reason)


def pi_factory() -> Any:
    """The pins of this Pi. Raises GpioError where this is none, or nobody may use them."""
    return _translate_faults(_open_pins)


def _open_pins() -> Any:
    try:
        from gpiozero.pins.rpigpio import RPiGPIOFactory  # RPi.GPIO refuses to be imported off a Pi
    except ImportError:
        from drivers.cabinet.gpio.gpiod_pins import GpiodFactory

        return GpiodFactory()
    return RPiGPIOFactory()


class GpioBoard:
    """The pins of one wiring, open until `close`."""

    def __init__(self, wiring: Wiring, factory: Any) -> None:
        """Outputs begin inactive. Raises GpioError; then nothing stays open."""
        self.dims = getattr(factory, "has_pwm", True)
        """Whether an output can be driven partly; where not, all but 0 is full."""
        self._wiring = wiring
        self._devices: dict[Role, Device] = {}
        try:
            for role, pin in wiring.items():
                self._devices[role] = _translate_faults(partial(_device, role, pin, factory, self.dims))
        except GpioError:
            self.close()
            raise

    def read(self, role: Role) -> float:
        """Read what the pin's level means now, 0 to 1; of an output what is really on the pin. Raises GpioError."""
        level = _translate_faults(lambda: float(self._devices[role].pin.state))
        return level if self._wiring[role].active == "high" else 1.0 - level

    def drive(self, role: Role, share: float) -> None:
        """Drive an output: 1 is full, 0 is off. Raises GpioError."""
        _translate_faults(lambda: setattr(self._devices[role], "value", share))

    def on_edge(self, callback: Callable[[Role], None]) -> None:
        """`callback` is called with the role for each edge of an input, in the pin library's thread."""
        for role, device in self._devices.items():
            if role not in OUTPUTS:
                device.when_activated = device.when_deactivated = partial(callback, role)

    def close(self) -> None:
        for device in self._devices.values():
            device.close()
        self._devices = {}


def _device(role: Role, pin: GpioPin, factory: Any, dims: bool) -> Device:
    if role == "backlight" and dims:
        return PWMOutputDevice(
            pin.bcm, active_high=pin.active == "high", initial_value=0, frequency=PWM_HZ, pin_factory=factory
        )
    if pin.way == "out":
        return DigitalOutputDevice(pin.bcm, active_high=pin.active == "high", initial_value=False, pin_factory=factory)
    pull = {"up": True, "down": False, "none": None}[pin.pull]
    # gpiozero ties the active state to the pull; what a level means is said by `active` alone.
    return DigitalInputDevice(pin.bcm, pull_up=pull, active_state=True if pull is None else None, pin_factory=factory)
