"""The kernel's GPIO lines under gpiod's own classes: only its module in C is stood in for, by chips that are made up.

Rules, as the kernel has them: a line belongs to one request; an input follows its contact, else its bias; an output reads as
what is really on it; an input cannot be driven; edges wait in a request, whose descriptor is readable until they are read.
"""

import errno
import os
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gpiod
import gpiod.chip
import gpiod.line_request
from gpiod.line import Bias, Direction, Edge, Value

from drivers.cabinet.gpio import gpiod_pins

HEADER, OTHER = "pinctrl-rp1", "gpio-brcmstb@107d517c00"
"""Labels of two chips of a Pi 5; the second is tried first, and its lines are not the header's."""
WAIT_S = 10.0


class HeaderLines:
    """The lines of the header's chip, with hands on them."""

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.contacts: dict[int, bool] = {}
        self.held: set[int] = set()
        self.shorted: set[int] = set()
        self.refused = False
        self.deaf = False

    @property
    def levels(self) -> dict[int, float]:
        """What is on each line that somebody holds."""
        return {offset: float(self.level(offset)) for offset in self.requests}

    def level(self, offset: int) -> bool:
        settings = self.requests[offset].settings[offset]
        if offset in self.shorted:
            return False
        if settings.direction is Direction.OUTPUT:
            return bool(settings.output_value)
        return self.contacts.get(offset, settings.bias is Bias.PULL_UP)

    def wire(self, offset: int, level: bool) -> None:
        """A contact puts the line to that level; who watches it has been told."""
        request = self.requests.get(offset)
        before, self.contacts[offset] = request is not None and self.level(offset), level
        if request is not None and before != level and not self.deaf:
            request.add_edge(offset, level)

    def miss_edges(self) -> None:
        """Edges are lost from now on."""
        self.deaf = True


class LineConfig:
    """Settings by offset."""

    def __init__(self) -> None:
        self.settings: dict[int, gpiod.LineSettings] = {}

    def add_line_settings(self, offsets: list[int], settings: gpiod.LineSettings) -> None:
        self.settings.update(dict.fromkeys(offsets, settings))


class Request:
    """Lines that somebody holds."""

    chip_name = "gpiochip4"

    def __init__(self, lines: HeaderLines, config: LineConfig) -> None:
        self._lines, self.settings = lines, config.settings
        self._edges: list[gpiod.EdgeEvent] = []
        self._pipe = os.eventfd(0)
        self._idle = threading.Event()
        for offset in self.offsets:
            if offset in lines.requests or offset in lines.held:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        lines.requests.update(dict.fromkeys(self.offsets, self))

    @property
    def offsets(self) -> list[int]:
        return list(self.settings)

    @property
    def fd(self) -> int:
        if not self._edges:
            self._idle.set()
        return self._pipe

    def add_edge(self, offset: int, level: bool) -> None:
        if self.settings[offset].edge_detection is Edge.BOTH:
            self._idle.clear()
            self._edges.append(gpiod.EdgeEvent(1 if level else 2, 0, offset, 1, 1))
            os.eventfd_write(self._pipe, 1)
            assert self._idle.wait(WAIT_S), "nobody reads the edges"

    def read_edge_events(self, max_events: int | None) -> list[gpiod.EdgeEvent]:
        os.eventfd_read(self._pipe)
        edges, self._edges = self._edges, []
        return edges

    def get_values(self, offsets: list[int], values: list[Value]) -> None:
        values[:] = [Value(self._lines.level(offset)) for offset in offsets]

    def set_values(self, values: dict[int, Value]) -> None:
        for offset, value in values.items():
            if self.settings[offset].direction is not Direction.OUTPUT:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            self.settings[offset].output_value = value

    def reconfigure_lines(self, config: LineConfig) -> None:
        self.settings = config.settings

    def release(self) -> None:
        for offset in self.offsets:
            del self._lines.requests[offset]
        os.close(self._pipe)


@contextmanager
def gpio_lines(monkeypatch: Any, folder: Path) -> Iterator[HeaderLines]:
    """While it lasts gpiod finds two chips in `folder`, of which the second is a header's."""
    lines = HeaderLines()
    labels = {str(folder / "gpiochip0"): OTHER, str(folder / "gpiochip4"): HEADER}
    for path in labels:
        Path(path).touch()

    class Chip:
        def __init__(self, path: str) -> None:
            if lines.refused:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self.path = path

        def get_info(self) -> gpiod.ChipInfo:
            return gpiod.ChipInfo(Path(self.path).name, labels[self.path], 54)

        def get_line_name(self, offset: int) -> str | None:
            return None

        def request_lines(self, config: LineConfig, consumer: str, event_buffer_size: int | None) -> Request:
            assert labels[self.path] == HEADER
            assert consumer == "kortkiosk"
            return Request(lines, config)

        def close(self) -> None: ...

    module = types.SimpleNamespace(Chip=Chip, LineConfig=LineConfig)
    for user in (gpiod.chip, gpiod.line_request):
        monkeypatch.setattr(user, "_ext", module)
        monkeypatch.setattr(user, "_line_settings_to_ext", lambda settings: settings)
    monkeypatch.setattr(gpiod_pins, "DEVICES", folder)
    monkeypatch.setitem(sys.modules, "gpiozero.pins.rpigpio", None)  # as where RPi.GPIO is not installed
    yield lines
