"""Input devices with the interface of evdev's `InputDevice`, and the desk that they are plugged into.

Rules, as in Linux: a grabbed device gives its events to whoever grabbed it, else to everybody (`heard_elsewhere`); a second
grab fails with EBUSY; reading what was unplugged fails with ENODEV.
"""

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from drivers.scanner.grabbed_scanner import Input, InputDeniedError
from drivers.scanner.keymap import EV_KEY, Keyboard


@dataclass
class Event:
    """One event of an input device."""

    type: int
    code: int
    value: int


@dataclass
class Info:
    """USB ids."""

    vendor: int = 0x1234
    product: int = 0x0001


@dataclass
class Gadget:
    """What is plugged in: its name, and who holds it."""

    name: str
    info: Info = field(default_factory=Info)
    keys: tuple[int, ...] = (2, 3, 28)
    phys: str = "usb-0000:01:00.0-1/input0"
    grabbed_by: "Opened | None" = None
    busy: bool = False
    heard_elsewhere: int = 0
    queue: "asyncio.Queue[Event | None]" = field(default_factory=asyncio.Queue)

    def press(self, *keys: tuple[int, int]) -> None:
        """Key events: (code, value)."""
        for code, value in keys:
            if self.grabbed_by is None:
                self.heard_elsewhere += 1
            else:
                self.queue.put_nowait(Event(EV_KEY, code, value))
                self.queue.put_nowait(Event(0, 0, 0))


class Opened:
    """One opening of a gadget: what evdev calls an InputDevice."""

    def __init__(self, gadget: Gadget) -> None:
        self.gadget = gadget
        self.name, self.info, self.phys = gadget.name, gadget.info, gadget.phys
        self.closed = False

    def capabilities(self) -> dict[int, list[int]]:
        return {EV_KEY: list(self.gadget.keys)}

    def grab(self) -> None:
        if self.gadget.busy or self.gadget.grabbed_by is not None:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.gadget.grabbed_by = self

    def ungrab(self) -> None:
        if self.gadget.grabbed_by is not self:
            raise OSError(errno.EINVAL, "Invalid argument")
        self.gadget.grabbed_by = None

    async def async_read_loop(self) -> AsyncIterator[Event]:
        while True:
            event = await self.gadget.queue.get()
            if event is None:
                raise OSError(errno.ENODEV, "No such device")
            yield event

    def close(self) -> None:
        self.closed = True


class Desk:
    """What is plugged in now. `inputs` is what the driver calls."""

    def __init__(self, *gadgets: Gadget) -> None:
        self.plugged = list(gadgets)
        self.denied = False
        self.opened: list[Opened] = []

    def inputs(self) -> list[Input]:
        if self.denied:
            raise InputDeniedError("/dev/input: event0 may not be read")
        fresh = [Opened(gadget) for gadget in self.plugged]
        self.opened += fresh
        return [*fresh]

    def unplug(self, gadget: Gadget) -> None:
        """Out of its socket."""
        self.plugged.remove(gadget)
        gadget.grabbed_by = None
        gadget.queue.put_nowait(None)

    @property
    def left_open(self) -> list[str]:
        """Names of what nobody has closed."""
        return [one.name for one in self.opened if not one.closed]


def codes(text: str) -> list[tuple[int, int]]:
    """The key events of a scanner that types this: shift held only where it is needed."""
    events = []
    for char in text:
        code, shifted = KEYS[char]
        press = [(code, 1), (code, 0)]
        events += [(42, 1), *press, (42, 0)] if shifted else press
    return events


def _keys() -> dict[str, tuple[int, bool]]:
    """Which key types what, found out by pressing every one."""
    keys: dict[str, tuple[int, bool]] = {}
    for code in range(1, 100):
        for shift in (False, True):
            keyboard = Keyboard()
            if shift:
                keyboard.pressed(42, 1)
            char = keyboard.pressed(code, 1)
            if char is not None:
                keys.setdefault(char, (code, shift))
    return keys


KEYS = _keys()
