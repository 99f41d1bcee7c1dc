"""Pins and scanner of the station: made from the configuration, and their state as a stable code with what to do about it.

>>> code_of_pins(PinsUnavailable("there is no Pi")), advice_for_pins(PinsUnavailable("there is no Pi"))
('unavailable', 'the pins cannot be used: there is no Pi')
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal, assert_never

from drivers.cabinet.gpio.lamp_pattern import Pattern
from drivers.cabinet.gpio.port import Pins, PinsReady, PinsState, PinsStuck, PinsUnavailable
from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.scanner.grabbed_scanner import DeviceFilter, GrabbedScanner
from drivers.scanner.port import Scanner, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
from fleet.messages.link import DeviceState
from kiosk.config import KeypadSection, PinsSection, ScannerSection
from sim.scanner import VirtualScanner

_NO_LIBRARY = "gpiozero is not installed: install kortkiosk with its extra `pi`"


class NoPins:
    """Pins without their library: unavailable, with the reason. Implements `Pins`."""

    name = "pins"
    virtual = False

    async def state(self) -> PinsState:
        """Unavailable."""
        return PinsUnavailable(_NO_LIBRARY)

    async def changes(self) -> AsyncIterator[PinsReady]:
        """None, ever."""
        await asyncio.get_running_loop().create_future()
        yield PinsReady()

    def set_lamp(self, pattern: Pattern) -> None:
        """There is none."""

    def set_backlight(self, share: float) -> None:
        """There is none."""

    async def close(self) -> None:
        """Nothing is held."""


def make_pins(section: PinsSection) -> Pins | None:
    """The pins that the configuration names; None where none are."""
    if section.kind == "none":
        return None
    try:
        from drivers.cabinet.gpio.driver import GpioPins
        from drivers.cabinet.gpio.gpiozero_board import pi_factory
        from sim.pins import VirtualPins
    except ImportError:
        return NoPins()
    return VirtualPins(section.wiring()) if section.kind == "virtual" else GpioPins(section.wiring(), pi_factory)


def move_pins(pins: Pins | None, what: str, on: bool) -> None:
    """Move a contact of virtual pins: `door`, `headphones`, `presence`. Raises ValueError where there is none."""
    hands = {"door": "open_door", "headphones": "plug_headphones", "presence": "stand_before"}
    if pins is None or not pins.virtual:
        raise ValueError("this station has no virtual pins")
    if what not in hands:
        raise ValueError(f"the pins have no contact {what!r}: use one of {', '.join(hands)}")
    getattr(pins, hands[what])(on)


def make_scanner(section: ScannerSection) -> Scanner | None:
    """The scanner that the configuration names; None where none is, or the window hears it by itself."""
    match section.kind:
        case "virtual":
            return VirtualScanner()
        case "input":
            from drivers.scanner.evdev_inputs import inputs  # evdev is there on Linux alone

            return GrabbedScanner(DeviceFilter(section.name, section.vendor, section.product), inputs)
        case _:
            return None


def make_keypads(section: KeypadSection) -> tuple[GrabbedKeypad, ...]:
    """The keypads that the configuration lists."""
    if not section.allowed:
        return ()
    from drivers.scanner.evdev_inputs import inputs  # evdev is there on Linux alone

    return tuple(GrabbedKeypad(one, inputs) for one in section.ids)


def code_of_pins(state: PinsState) -> str:
    """The state's stable name."""
    match state:
        case PinsReady(door="open"):
            return "door_open"
        case PinsReady():
            return "ready"
        case PinsStuck():
            return "stuck"
        case PinsUnavailable():
            return "unavailable"
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
    """The state's stable name."""
    match state:
        case ScannerReady():
            return "ready"
        case ScannerMissing():
            return "missing"
        case ScannerRefused():
            return "refused"
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
        found.append(DeviceState(pins.name, "gpio", code_of_pins(seen), ok, pins.virtual))
    if scanner is not None:
        heard = await scanner.state()
        ready = isinstance(heard, ScannerReady)
        found.append(DeviceState(scanner.name, "scanner", code_of_scanner(heard), ready, scanner.virtual))
    for keypad in keypads:
        heard = await keypad.state()
        found.append(DeviceState(keypad.name, "scanner", code_of_scanner(heard), isinstance(heard, ScannerReady)))
    return found
