"""States of pins, scanner, keypads and touchscreen: a stable code, and advice for the technician.

>>> code_of_pins(PinsUnavailable("there is no Pi")).value, advice_for_pins(PinsUnavailable("there is no Pi"))
('unavailable', 'the pins cannot be used: there is no Pi')
"""

from typing import Literal, assert_never

from drivers.cabinet.gpio.port import Pins, PinsReady, PinsState, PinsStuck, PinsUnavailable
from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.scanner.port import Scanner, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
from drivers.touchscreen.discovery import (
    TouchscreenMissing,
    TouchscreenReady,
    TouchscreenRefused,
    Touchscreens,
    TouchscreenState,
)
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus


def code_of_pins(state: PinsState) -> str:
    match state:
        case PinsReady(door="open"):
            return DeviceStatus.DOOR_OPEN
        case PinsReady():
            return DeviceStatus.READY
        case PinsStuck():
            return DeviceStatus.STUCK
        case PinsUnavailable():
            return DeviceStatus.UNAVAILABLE
        case other:
            assert_never(other)


def advice_for_pins(state: PinsState) -> str:
    """Return what is wrong, and what the technician does; empty where nothing is."""
    match state:
        case PinsReady(door="open"):
            return "the service door is open: shut it when you are done"
        case PinsReady():
            return ""
        case PinsStuck(roles):
            return f"these pins do not follow what they are told: {', '.join(roles)}; look for a short in the wiring"
        case PinsUnavailable(reason):
            return f"the pins cannot be used: {reason}"
        case other:
            assert_never(other)


def code_of_scanner(state: ScannerState) -> str:
    match state:
        case ScannerReady():
            return DeviceStatus.READY
        case ScannerMissing():
            return DeviceStatus.MISSING
        case ScannerRefused():
            return DeviceStatus.REFUSED
        case other:
            assert_never(other)


def advice_for_scanner(state: ScannerState, device: Literal["scanner", "keypad"] = "scanner") -> str:
    """Return what is wrong, and what the technician does; empty where nothing is."""
    match state:
        case ScannerReady():
            return ""
        case ScannerMissing():
            return f"the {device} is not connected: plug it in, or compare with `{device}` in station.toml"
        case ScannerRefused(reason):
            return f"the {device} cannot be used: {reason}"
        case other:
            assert_never(other)


def code_of_touchscreen(state: TouchscreenState) -> str:
    match state:
        case TouchscreenReady():
            return DeviceStatus.READY
        case TouchscreenMissing():
            return DeviceStatus.MISSING
        case TouchscreenRefused():
            return DeviceStatus.REFUSED
        case other:
            assert_never(other)


def advice_for_touchscreen(state: TouchscreenState) -> str:
    """Return which device it is; or what is wrong, and what the technician does."""
    match state:
        case TouchscreenReady(path, name):
            return f"touches are read from {name} ({path})"
        case TouchscreenMissing():
            return (
                "no touchscreen is connected: look at the panel's cable, or compare with `touch.device` in station.toml"
            )
        case TouchscreenRefused(reason):
            return f"the touchscreen cannot be read: {reason}"
        case other:
            assert_never(other)


async def states(
    pins: Pins | None,
    scanner: Scanner | None,
    keypads: tuple[GrabbedKeypad, ...] = (),
    touchscreen: Touchscreens | None = None,
) -> list[DeviceState]:
    """All of them as the fleet is told; a keypad is of the scanners' kind. An open door is no fault of the pins."""
    device_states = []
    if pins is not None:
        seen = await pins.state()
        ok = isinstance(seen, PinsReady)
        device_states.append(DeviceState(pins.name, DeviceKind.GPIO, code_of_pins(seen), ok, pins.virtual))
    if scanner is not None:
        heard = await scanner.state()
        ready = isinstance(heard, ScannerReady)
        device_states.append(
            DeviceState(scanner.name, DeviceKind.SCANNER, code_of_scanner(heard), ready, scanner.virtual)
        )
    for keypad in keypads:
        heard = await keypad.state()
        device_states.append(
            DeviceState(keypad.name, DeviceKind.SCANNER, code_of_scanner(heard), isinstance(heard, ScannerReady))
        )
    if touchscreen is not None:
        panel = touchscreen.state()
        ok = isinstance(panel, TouchscreenReady)
        device_states.append(DeviceState(touchscreen.name, DeviceKind.TOUCHSCREEN, code_of_touchscreen(panel), ok))
    return device_states
