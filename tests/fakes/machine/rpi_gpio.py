"""A library with the interface of RPi.GPIO (and so of rpi-lgpio), as gpiozero uses it, without a Pi.

Rules, as in the real one: an input follows its contact, else its pull resistor; edges are told from a thread of the library's
own; an input cannot be driven; `setup` of a pin that is held elsewhere raises what lgpio raises.
"""

import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

REVISION = 0xC03111
"""A Raspberry Pi 4B."""


class FakeGpio(types.ModuleType):
    """The module `RPi.GPIO`."""

    BCM, OUT, IN = 11, 0, 1
    PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
    RISING, FALLING, BOTH = 31, 32, 33
    SERIAL, SPI, I2C, HARD_PWM, UNKNOWN = 40, 41, 42, 43, -1

    def __init__(self) -> None:
        super().__init__("RPi.GPIO")
        self.reset()

    def reset(self) -> None:
        """A Pi that was just switched on."""
        self.ways: dict[int, int] = {}
        self.levels: dict[int, float] = {}
        self.contacts: dict[int, bool] = {}
        self.callbacks: dict[int, Callable[[int], None]] = {}
        self.held: set[int] = set()
        self.shorted: set[int] = set()

    # hands

    def wire(self, number: int, level: bool) -> None:
        """A contact puts the pin to that level."""
        before, self.contacts[number] = self.input(number), level
        callback = self.callbacks.get(number)
        if callback is not None and before != level:
            thread = threading.Thread(target=callback, args=(number,))
            thread.start()
            thread.join()

    def miss_edges(self) -> None:
        """Edges are lost from now on."""
        self.callbacks.clear()

    # the interface

    def setmode(self, mode: int) -> None:
        assert mode == self.BCM

    def setwarnings(self, on: bool) -> None:
        """Nothing is said anyway."""

    def setup(self, number: int, way: int, pull_up_down: int = 20, initial: float | None = None) -> None:
        if number in self.held:
            raise RuntimeError("'GPIO busy'")
        self.ways[number] = way
        self.levels[number] = float(pull_up_down == self.PUD_UP) if way == self.IN else float(initial or 0)

    def gpio_function(self, number: int) -> int:
        return self.ways.get(number, self.IN)

    def input(self, number: int) -> float:
        if number in self.shorted:
            return 0.0
        if self.ways.get(number) == self.IN and number in self.contacts:
            return float(self.contacts[number])
        return self.levels.get(number, 0.0)

    def output(self, number: int, value: float) -> None:
        if self.ways.get(number) != self.OUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self.levels[number] = float(value)

    def add_event_detect(self, number: int, edge: int, callback: Callable[[int], None], bouncetime: int) -> None:
        self.callbacks[number] = callback

    def remove_event_detect(self, number: int) -> None:
        self.callbacks.pop(number, None)

    def cleanup(self, number: int | None = None) -> None:
        for one in [number] if number is not None else list(self.ways):
            self.ways.pop(one, None)
            self.callbacks.pop(one, None)

    def PWM(self, number: int, frequency: float) -> "FakePwm":
        assert frequency > 0
        return FakePwm(self, number)


class FakePwm:
    """One pin with pulse width modulation: its level is its share of the time."""

    def __init__(self, gpio: FakeGpio, number: int) -> None:
        self._gpio, self._number = gpio, number

    def start(self, percent: float) -> None:
        self.ChangeDutyCycle(percent)

    def ChangeDutyCycle(self, percent: float) -> None:
        self._gpio.levels[self._number] = percent / 100

    def stop(self) -> None:
        self._gpio.levels[self._number] = 0.0


FAKE = FakeGpio()
"""gpiozero keeps the module that it was first imported with, so there is one."""


@contextmanager
def on_a_pi(monkeypatch: Any) -> Iterator[FakeGpio]:
    """While it lasts `RPi.GPIO` can be imported, and the machine says that it is a Pi."""
    package = types.ModuleType("RPi")
    package.GPIO = FAKE  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", FAKE)
    from gpiozero.pins.local import LocalPiFactory

    monkeypatch.setattr(LocalPiFactory, "_get_revision", lambda self: REVISION)
    LocalPiFactory.pins.clear()
    FAKE.reset()
    yield FAKE
