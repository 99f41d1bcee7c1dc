"""Touchscreen discovery: the input device that udev marks `ID_INPUT_TOUCHSCREEN`, or the one that the configuration names.

Rules: the kernel's and udev's own files are read, nothing is opened. A path that udev keeps over unplugging and restarts
(`/dev/input/by-path`) is preferred to the event's number. With two panels a person has to say which: the second might be
somebody's own.

>>> Touchscreens().state()  # doctest: +SKIP
TouchscreenReady(path='/dev/input/by-path/pci-0000:00:05.0-event', name='QEMU Virtio MultiTouch')
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROPERTY = "E:ID_INPUT_TOUCHSCREEN=1"
_LINK = "S:input/by-path/"
"""Lines of udev's file of a device: a property, and a link below /dev."""


@dataclass(frozen=True, slots=True)
class TouchscreenReady:
    """The device to read, and the name that it gives itself."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class TouchscreenMissing:
    """No input device is a touchscreen, or not the one that was named."""


@dataclass(frozen=True, slots=True)
class TouchscreenRefused:
    """There is one, but it cannot be had. `reason` is for a technician."""

    reason: str


TouchscreenState = TouchscreenReady | TouchscreenMissing | TouchscreenRefused


@dataclass(frozen=True, slots=True)
class _Found:
    """`usb`: vendor and product as `vvvv:pppp`, of whatever bus it is on."""

    screen: TouchscreenReady
    node: str
    usb: str


class Touchscreens:
    """The touchscreens of this machine.

    Args:
        wanted: vendor and product as `vvvv:pppp`, or a path below /dev; empty for the only one.
        root: the folder that holds `sys`, `run` and `dev`.
    """

    name = "touchscreen"

    def __init__(self, device: str = "", root: Path = Path("/")) -> None:
        self._wanted = device
        self._root = root

    def state(self) -> TouchscreenState:
        """Tell which device to read, as of now. Never raises."""
        screens = [screen for screen in self._all() if self._is_wanted(screen)]
        if not screens:
            return TouchscreenMissing()
        if len(screens) > 1:
            names = ", ".join(f"{screen.screen.name} ({screen.usb}, {screen.node})" for screen in screens)
            return TouchscreenRefused(f"there are {len(screens)}: {names}; name one as `touch.device` in station.toml")
        if not os.access(screens[0].node, os.R_OK):
            return TouchscreenRefused(
                f"{screens[0].node} may not be read; the station's user belongs in the group input"
            )
        return screens[0].screen

    def _is_wanted(self, screen: _Found) -> bool:
        if not self._wanted.startswith("/"):
            return self._wanted.lower() in ("", screen.usb)
        return (self._root / self._wanted.lstrip("/")).resolve() == Path(screen.node).resolve()

    def _all(self) -> Iterator[_Found]:
        for event in sorted((self._root / "sys/class/input").glob("event*"), key=lambda path: int(path.name[5:])):
            number = _read(event / "dev")
            lines = _read(self._root / "run/udev/data" / f"c{number}").splitlines()
            if not number or _PROPERTY not in lines:
                continue
            node = self._root / "dev/input" / event.name
            links = [self._root / "dev" / line[2:] for line in lines if line.startswith(_LINK)]
            path = next((link for link in links if link.resolve() == node.resolve()), node)
            usb = f"{_read(event / 'device/id/vendor')}:{_read(event / 'device/id/product')}"
            yield _Found(TouchscreenReady(str(path), _read(event / "device/name") or event.name), str(node), usb)


def no_desktop(environment: Mapping[str, str]) -> bool:
    """Return whether the window is drawn without X or Wayland: then nobody brings touches, and the panel is read here.

    >>> no_desktop({"SDL_VIDEODRIVER": "kmsdrm"})
    True
    """
    return environment.get("SDL_VIDEODRIVER", "").lower() == "kmsdrm"


def _read(path: Path) -> str:
    """The file's text; empty where it is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
