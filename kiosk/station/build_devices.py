"""Building the devices of a station from its configuration.

A device that is missing now may come later, so nothing is raised for it; one whose library is missing is there and says so.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from drivers.cabinet.driver import SerialCabinet
from drivers.cabinet.gpio.port import Pins
from drivers.cabinet.pairing import pairing_of
from drivers.cabinet.port import CabinetState
from drivers.cabinet.port_discovery import configured_port, only_port
from drivers.cabinet.serial_link import boards
from drivers.keypad.grabbed_keypad import GrabbedKeypad
from drivers.printer.connections import Connection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.profile import PrinterProfile
from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.transport.pcsc import PcscBackend
from drivers.scanner.grabbed_scanner import DeviceFilter, GrabbedScanner
from drivers.scanner.port import Scanner
from drivers.speech.alsa_sound import AlsaSound
from drivers.speech.espeak_ng import EspeakNg
from drivers.speech.port import Speech
from drivers.speech.sound_card import SoundCard
from drivers.speech.tones import Sound
from drivers.touchscreen.discovery import Touchscreens, no_desktop
from kiosk.config import (
    AUTO,
    VIRTUAL,
    CabinetSection,
    Config,
    KeypadSection,
    PinsSection,
    PrinterSection,
    ScannerSection,
    SpeechSection,
)
from kiosk.ports import Printer
from kiosk.station.devices import Devices
from kiosk.station.reader_roles import ROLES, ReaderRoles, RoleBackend, is_pattern
from kiosk.station.virtual_devices import VirtualDevices


def make_devices(
    config: Config,
    base: Path,
    settings: ReaderSettings,
    virtual: VirtualDevices | None,
    *,
    on_change: Callable[[], None] = lambda: None,
    on_cabinet: Callable[[CabinetState], None] = lambda state: None,
    on_readers_told: Callable[[], None] = lambda: None,
) -> Devices:
    """The devices that the configuration names; `base` is the folder that its paths are relative to. Callbacks: see `Devices`
    and `ReaderRoles`."""
    devices = Devices(
        pins=make_pins(config.pins, virtual),
        scanner=make_scanner(config.scanner, virtual),
        keypads=make_keypads(config.keypad),
        touchscreen=Touchscreens(config.touch.device) if no_desktop(os.environ) else None,
        on_change=on_change,
        on_cabinet=on_cabinet,
    )
    pcsc = PcscBackend()
    roles = devices.reader_roles = ReaderRoles(
        config.readers, base / config.station.data, pcsc, on_told=on_readers_told
    )
    names = set()
    for role in ROLES:
        name: str = getattr(config.readers, role)
        if name == VIRTUAL and virtual is not None:
            reader = CardReader(virtual.backend, virtual.reader_name(role), settings)
            names.add(reader.name)
        elif (name == AUTO or is_pattern(name)) and roles.has(role):
            reader = CardReader(RoleBackend(roles, pcsc), role, settings)
        elif name not in ("", AUTO, VIRTUAL):
            reader = CardReader(pcsc, name, settings)
        else:
            continue
        if role == "holder":
            devices.reader = reader
        else:
            devices.administrator_reader = reader
    devices.virtual = frozenset(names)
    if config.printer.kind not in ("none", VIRTUAL):
        devices.printer = _escpos_printer("printer", _connection(config.printer), config.printer.model)
    if config.cabinet.kind == VIRTUAL and virtual is not None:
        devices.cabinet = virtual.cabinet_driver
    elif config.cabinet.kind == "serial":
        devices.cabinet = _serial_cabinet(config.cabinet, base)
    return devices


def _serial_cabinet(section: CabinetSection, base: Path) -> SerialCabinet:
    find = configured_port(section.port) if section.port else only_port(partial(boards, section.board_ids))
    return SerialCabinet("cabinet", find, lambda: pairing_of(base / section.key))


def virtual_printer(host: str, port: int, profile: PrinterProfile) -> Printer:
    """The driver on the virtual printer's address."""
    return _escpos_printer("virtual printer", NetworkConnection(host, port), profile, virtual=True)


def _escpos_printer(name: str, connection: Connection, profile: PrinterProfile, *, virtual: bool = False) -> Printer:
    from drivers.printer.escpos import EscPosPrinter  # its libraries take a while: only where a printer is fitted

    return EscPosPrinter(name, connection, profile=profile, virtual=virtual)


def _connection(printer: PrinterSection) -> Connection:
    match printer.kind:
        case "network":
            return NetworkConnection(printer.host, printer.port)
        case "serial":
            return SerialConnection(printer.device, printer.baud)
        case _:
            return UsbConnection(printer.vendor, printer.product)


def make_pins(section: PinsSection, virtual: VirtualDevices | None = None) -> Pins | None:
    """The pins that the configuration names; None where none are."""
    if section.kind == "none":
        return None
    if section.kind == "virtual":
        return None if virtual is None else virtual.make_pins(section.wiring())
    from drivers.cabinet.gpio.driver import GpioPins  # gpiozero takes a while: only where pins are fitted
    from drivers.cabinet.gpio.gpiozero_board import pi_factory

    return GpioPins(section.wiring(), pi_factory)


def make_scanner(section: ScannerSection, virtual: VirtualDevices | None = None) -> Scanner | None:
    """The scanner that the configuration names; None where none is, or the window hears it by itself."""
    match section.kind:
        case "virtual":
            return None if virtual is None else virtual.make_scanner()
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

    return tuple(GrabbedKeypad(device_id, inputs, keys=section.key_map) for device_id in section.ids)


def make_speech(section: SpeechSection, card: SoundCard) -> Speech | None:
    """The speech synthesizer that the configuration names; None where none is."""
    return EspeakNg(card.device) if section.kind == "espeak-ng" else None


def make_sound(section: SpeechSection, card: SoundCard) -> Sound | None:
    """The sound device for tones; None where none are wanted."""
    return AlsaSound(card.device) if section.tones else None
