"""Pin factory for gpiozero on the kernel's own GPIO interface (libgpiod 2); the only file that imports gpiod.

Rules: the chip of the 40-pin header is found by the label that its driver gives it. Numbers of `/dev/gpiochip*` differ from
kernel to kernel; lines have no names on a Pi 5, and some have those of functions (`SDA1`) on a Pi 4. On all of them a line's
offset is its BCM number. It is held from when its function is set until its pin is closed. There is no PWM: high or low.
"""

import os
import threading
from dataclasses import replace
from pathlib import Path
from select import select
from typing import Any

import gpiod
from gpiod.line import Bias, Direction, Edge, Value
from gpiozero.pins.local import LocalPiFactory, LocalPiPin

DEVICES = Path("/dev")
LABELS = ("pinctrl-bcm2711", "pinctrl-bcm2835", "pinctrl-rp1")
"""Of the header's chip: Pi 4 and 400; Pi 3; Pi 5."""
HEADER_REVISION = 0xC03111
"""A Pi 4B's, for the table of its header, which every board with 40 pins shares; nothing else is taken from it."""
PULLS = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "floating": Bias.DISABLED}


def header_chip() -> str:
    """Path of the chip of the 40-pin header. Raises OSError."""
    refused = []
    for path in sorted(DEVICES.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                if chip.get_info().label in LABELS:
                    return str(path)
        except OSError as error:
            refused.append(f"{path}: {error.strerror}")
    raise OSError(f"no GPIO chip of a Raspberry Pi's header ({', '.join(refused or LABELS)})")


class GpiodFactory(LocalPiFactory):
    """Pins of the header. Raises OSError where there is none, or nobody may use it."""

    has_pwm = False

    def __init__(self) -> None:
        super().__init__()
        self.pins: dict[Any, GpiodPin] = {}  # gpiozero's own dictionary outlives a factory that could not be had
        self.pin_class = GpiodPin
        self.chip = header_chip()

    def _get_revision(self) -> int:
        return HEADER_REVISION


class GpiodPin(LocalPiPin):
    """One line of the header's chip. Its setters raise OSError, as where another program holds the line."""

    when_changed: Any

    def __init__(self, factory: GpiodFactory, info: Any) -> None:
        super().__init__(factory, info)
        self._settings = gpiod.LineSettings()
        self._request: Any = None  # a gpiod.LineRequest while the line is held
        self._lock = threading.Lock()  # gpiod leaves it to its callers
        self._watching: tuple[threading.Thread, int] | None = None

    def close(self) -> None:
        self.when_changed = None
        if self._request is not None:
            self._request.release()
        self._request, self._settings = None, gpiod.LineSettings()

    def output_with_state(self, state: float) -> None:
        self._set(direction=Direction.OUTPUT, output_value=Value(bool(state)))

    def _set(self, **settings: Any) -> None:
        self._settings = replace(self._settings, **settings)
        with self._lock:
            if self._request is None:
                self._request = gpiod.request_lines(
                    self._factory.chip, {self._number: self._settings}, consumer="kortkiosk"
                )
            else:
                self._request.reconfigure_lines({self._number: self._settings})

    def _get_function(self) -> str:
        return "output" if self._settings.direction is Direction.OUTPUT else "input"

    def _set_function(self, value: str) -> None:
        self._set(direction=Direction[value.upper()])

    def _get_state(self) -> int:
        with self._lock:
            return int(bool(self._request.get_value(self._number)))

    def _set_state(self, value: float) -> None:
        with self._lock:
            self._request.set_value(self._number, Value(bool(value)))

    def _get_pull(self) -> str:
        return next((name for name, bias in PULLS.items() if bias is self._settings.bias), "as it was")

    def _set_pull(self, value: str) -> None:
        self._set(bias=PULLS[value])

    def _set_edges(self, value: str) -> None:
        """Both, whatever is asked for: a contact is read again after each."""

    def _enable_event_detect(self) -> None:
        self._set(edge_detection=Edge.BOTH)
        stop = os.eventfd(0)
        thread = threading.Thread(target=self._tell_edges, args=(self._request, stop), name=repr(self), daemon=True)
        self._watching = thread, stop
        thread.start()

    def _disable_event_detect(self) -> None:
        if self._watching is not None:
            (thread, stop), self._watching = self._watching, None
            os.eventfd_write(stop, 1)
            thread.join()
            os.close(stop)

    def _tell_edges(self, request: gpiod.LineRequest, stop: int) -> None:
        while stop not in select([request.fd, stop], [], [])[0]:
            with self._lock:
                edges = request.read_edge_events()
            for edge in edges:
                tell = self.when_changed
                if tell is not None:
                    tell(edge.timestamp_ns / 1e9, int(edge.event_type is gpiod.EdgeEvent.Type.RISING_EDGE))
