"""States of pins, scanner and keypads: a stable code, and advice for the technician.

>>> code_of_pins(PinsUnavailable("there is no Pi")).value, advice_for_pins(PinsUnavailable("there is no Pi"))
('unavailable', 'the pins cannot be used: there is no Pi')
"""

from typing import Literal, assert_never

from drivers.cabinet.gpio.port import Pins, PinsReady, PinsState, PinsStuck, PinsUnavailable
from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.scanner.port import Scanner, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
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
    """What is wrong, and what the technician does; empty where nothing is."""
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


def advice_for_scanner(state: ScannerState, what: Literal["scanner", "keypad"] = "scanner") -> str:
    """What is wrong, and what the technician does; empty where nothing is."""
    match state:
        case ScannerReady():
            return ""
        case ScannerMissing():
            return f"the {what} is not connected: plug it in, or compare with `{what}` in station.toml"
        case ScannerRefused(reason):
            return f"the {what} cannot be used: {reason}"
        case other:
            assert_never(other)


async def states(
    pins: Pins | None, scanner: Scanner | None, keypads: tuple[GrabbedKeypad, ...] = ()
) -> list[DeviceState]:
    """All of them as the fleet is told; a keypad is of the scanners' kind. An open door is no fault of the pins."""
    found = []
    if pins is not None:
        seen = await pins.state()
        ok = isinstance(seen, PinsReady)
        found.append(DeviceState(pins.name, DeviceKind.GPIO, code_of_pins(seen), ok, pins.virtual))
    if scanner is not None:
        heard = await scanner.state()
        ready = isinstance(heard, ScannerReady)
        found.append(DeviceState(scanner.name, DeviceKind.SCANNER, code_of_scanner(heard), ready, scanner.virtual))
    for keypad in keypads:
        heard = await keypad.state()
        found.append(
            DeviceState(keypad.name, DeviceKind.SCANNER, code_of_scanner(heard), isinstance(heard, ScannerReady))
        )
    return found
