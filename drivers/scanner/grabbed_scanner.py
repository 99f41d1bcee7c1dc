"""Barcode scanner driver with an exclusive grab (EVIOCGRAB): what it types reaches no window, console or shell.

Rules: the device is known by name, vendor or product, whatever is given; it must have keys with digits and Enter. It is
grabbed before it is read. Unplugged, it is waited for; held by another program, it is asked for again. Nothing read is
kept longer than its scan. Belongs to one event loop; time is passed in.

    scanner = GrabbedScanner(Wanted(name="Example Scanner"), inputs)
    async for scan in scanner.scans(): ...
"""

import asyncio
import contextlib
import errno
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from drivers.scanner.keymap import EV_KEY, KEY_ENTER, Keyboard
from drivers.scanner.port import Scan, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
from drivers.scanner.scan_assembler import Gathering

RETRY_S = 2.0


class InputDeniedError(Exception):
    """Input devices are there, but may not be read."""


class InputEvent(Protocol):
    """As evdev's: `type` and `code` of input-event-codes.h, `value` 0 up, 1 down, 2 repeat."""

    type: int
    code: int
    value: int


class InputInfo(Protocol):
    """As evdev's: USB ids."""

    vendor: int
    product: int


class Input(Protocol):
    """Input device, as far as evdev's `InputDevice` is used."""

    name: str
    phys: str
    info: InputInfo

    def capabilities(self) -> dict[int, list[int]]: ...
    def grab(self) -> None: ...
    def ungrab(self) -> None: ...
    def async_read_loop(self) -> AsyncIterator[InputEvent]: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Device that is wanted; empty or 0 means any. Raises ValueError where nothing is given."""

    name: str = ""
    vendor: int = 0
    product: int = 0

    def __post_init__(self) -> None:
        if not (self.name or self.vendor or self.product):
            raise ValueError("a scanner is known by name, vendor or product: name at least one")

    def is_it(self, device: Input) -> bool:
        """Return whether that is it. Any keyboard would be grabbed otherwise, so it must also have Enter."""
        same = (
            self.name in ("", device.name)
            and self.vendor in (0, device.info.vendor)
            and self.product in (0, device.info.product)
        )
        return same and KEY_ENTER in device.capabilities().get(EV_KEY, [])


class GrabbedScanner:
    """Implements `drivers.scanner.port.Scanner`. `inputs` opens every input device, or raises InputDeniedError."""

    virtual = False

    def __init__(
        self,
        device_filter: DeviceFilter,
        inputs: Callable[[], Iterable[Input]],
        *,
        name: str = "scanner",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._wanted = device_filter
        self._inputs = inputs
        self._clock = clock
        self._sleep = sleep
        self._grabbed: Input | None = None

    async def state(self) -> ScannerState:
        """Tell whether it is there; one that nobody reads yet is grabbed for an instant, to see whether it can be."""
        if self._grabbed is not None:
            return ScannerReady()
        device = self._take()
        if not isinstance(device, ScannerMissing | ScannerRefused):
            release_device(device)
            return ScannerReady()
        return device

    async def scans(self) -> AsyncIterator[Scan]:
        """Yield what it reads, over unplugging and plugging in."""
        while True:
            device = self._take()
            if isinstance(device, ScannerMissing | ScannerRefused):
                await self._sleep(RETRY_S)
                continue
            self._grabbed = device
            try:
                async with contextlib.aclosing(self._read(device)) as scans:
                    async for scan in scans:
                        yield scan
            except OSError:
                pass  # unplugged
            finally:
                self._grabbed = None
                release_device(device)

    async def _read(self, device: Input) -> AsyncGenerator[Scan, None]:
        keyboard, gathering = Keyboard(), Gathering()
        async for event in device.async_read_loop():
            char = keyboard.pressed(event.code, event.value) if event.type == EV_KEY else None
            if char is not None and (scan := gathering.feed(char, self._clock())) is not None:
                yield scan

    def _take(self) -> "Input | ScannerMissing | ScannerRefused":
        """The device, open and grabbed."""
        try:
            devices = list(self._inputs())
        except InputDeniedError as error:
            return ScannerRefused(str(error))
        chosen = next((device for device in devices if self._wanted.is_it(device)), None)
        for other in devices:
            if other is not chosen:
                other.close()
        if chosen is None:
            return ScannerMissing()
        return grab(chosen)


def grab(device: Input) -> "Input | ScannerRefused":
    """Have it type to us alone; closed, and why, where that cannot be."""
    try:
        device.grab()
    except OSError as error:
        device.close()
        busy = error.errno == errno.EBUSY
        return ScannerRefused(f"{device.name}: another program holds it" if busy else f"{device.name}: {error}")
    return device


def release_device(device: Input) -> None:
    """Let the device go. What is unplugged cannot be let go, and need not be."""
    with contextlib.suppress(OSError):
        device.ungrab()
    with contextlib.suppress(OSError):
        device.close()
