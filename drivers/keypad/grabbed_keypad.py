"""Keypad driver with an exclusive grab (EVIOCGRAB): allow-listed by USB vendor and product, known by the socket that it is in.

Rules: only a device whose vendor and product are listed is read, it is grabbed before, and of its keys those count that
`KEYS` or the station's configuration gives a meaning. Vendor and product are the device's own word, which an injector can copy:
where two devices say that they are the same keypad neither types, and the state says so. Unplugged, it is waited for. Nothing is
kept. Belongs to one event loop; time is passed in.

    keypad = GrabbedKeypad(UsbId.parse("04d9:a088"), inputs)
    async for key in keypad.keys(): ...
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from drivers.scanner.grabbed_scanner import RETRY_S, Input, InputDeniedError, grab, release_device
from drivers.scanner.keymap import DOWN, EV_KEY, KEY_ENTER
from drivers.scanner.port import ScannerMissing, ScannerReady, ScannerRefused, ScannerState

Key = Literal[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "erase", "clear", "enter", "up", "down", "back", "help", "audio",
    "volume", "rate", "plugged", "unplugged",
]  # fmt: skip
"""What a key does. `enter` is also *select*; `volume` and `rate` go round their steps; `plugged` and `unplugged` are the keypad's
own jack for headphones."""

_DIGITS: tuple[Key, ...] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
KEYS: dict[int, Key] = {
    **dict(zip((11, 2, 3, 4, 5, 6, 7, 8, 9, 10), _DIGITS, strict=True)),
    **dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), _DIGITS, strict=True)),
    14: "erase",
    111: "clear",
    1: "clear",
    28: "enter",
    96: "enter",
    **dict.fromkeys((103, 105), "up"),
    **dict.fromkeys((108, 106), "down"),
    158: "back",
    **dict.fromkeys((138, 59), "help"),
    **dict.fromkeys((113, 164), "audio"),
    115: "volume",
}
"""By the codes of input-event-codes.h: both rows of digits, Backspace, Delete and Escape, both Enters, the arrows, Back, Help
and F1, Mute and Play, Volume Up."""


@dataclass(frozen=True, slots=True)
class UsbId:
    """USB vendor and product."""

    vendor: int
    product: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `vvvv:pppp`, hexadecimal, as lsusb prints it. Raises ValueError."""
        vendor, colon, product = text.partition(":")
        if not colon or len(vendor) != 4 or len(product) != 4 or not (vendor + product).isalnum():
            raise ValueError(f"{text!r} is no vendor and product: write vvvv:pppp, as lsusb prints it")
        try:
            return cls(int(vendor, 16), int(product, 16))
        except ValueError:
            raise ValueError(f"{text!r} is no vendor and product: write vvvv:pppp, as lsusb prints it") from None

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"


class GrabbedKeypad:
    """One listed keypad. `inputs` opens every input device, or raises InputDeniedError."""

    def __init__(
        self,
        usb_id: UsbId,
        inputs: Callable[[], Iterable[Input]],
        *,
        keys: Mapping[int, Key] = KEYS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = f"keypad {usb_id}"
        self._wanted = usb_id
        self._inputs = inputs
        self._keys = keys
        self._sleep = sleep
        self._grabbed: Input | None = None

    async def state(self) -> ScannerState:
        """Tell whether it is there; one that nobody reads yet is grabbed for an instant, to try whether it can be.

        Never raises.
        """
        device = self._take(keep=self._grabbed is None)
        if isinstance(device, ScannerMissing | ScannerRefused):
            return device
        if device is not None:
            release_device(device)
        return ScannerReady()

    async def keys(self) -> AsyncIterator[Key]:
        """Yield what is pressed, over unplugging and plugging in. Ends by cancellation alone, which lets it go."""
        while True:
            device = self._take(keep=True)
            if device is None or isinstance(device, ScannerMissing | ScannerRefused):
                await self._sleep(RETRY_S)
                continue
            self._grabbed = device
            try:
                async for event in device.async_read_loop():
                    key = self._keys.get(event.code) if event.type == EV_KEY and event.value == DOWN else None
                    if key is not None and not self._has_a_double():
                        yield key
            except OSError:
                pass  # unplugged
            finally:
                self._grabbed = None
                release_device(device)

    def _has_a_double(self) -> bool:
        """Return whether a second device came that says to be this one: then nobody knows whose keys these are."""
        return isinstance(self._take(keep=False), ScannerRefused)

    def _take(self, *, keep: bool) -> "Input | ScannerMissing | ScannerRefused | None":
        """The device, open and grabbed; with `keep` false it is only looked for, and None where there is exactly one."""
        try:
            devices = list(self._inputs())
        except InputDeniedError as error:
            return ScannerRefused(str(error))
        ours = [device for device in devices if self._is_it(device)]
        chosen = ours[0] if keep and len({_socket(device) for device in ours}) == 1 else None
        for device in devices:
            if device is not chosen:
                device.close()
        if not ours:
            return ScannerMissing()
        if len({_socket(device) for device in ours}) > 1:
            return ScannerRefused(
                f"two devices say that they are {self._wanted}: unplug the one that is not the keypad"
            )
        return grab(chosen) if chosen is not None else None

    def _is_it(self, device: Input) -> bool:
        same = (device.info.vendor, device.info.product) == (self._wanted.vendor, self._wanted.product)
        return same and KEY_ENTER in device.capabilities().get(EV_KEY, [])


def _socket(device: Input) -> str:
    """Return where it is plugged in: interfaces of one device differ only behind the slash (`usb-0000:01:00.0-1.2/input0`)."""
    return device.phys.rpartition("/")[0] or device.phys
