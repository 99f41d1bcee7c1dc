"""The self test: every device of a station, its state in words, and what can be tried without harm.

Rules: nothing opens, prints or types a code unless it is asked for; a virtual card in a virtual reader signs, since its code is
made up. A device that is not fitted is not listed. Every result says what to do.

>>> SelfTestResult("printer", "printer", "out_of_paper", False, False, "the paper is at its end: put a new roll in").ok
False
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from drivers.cabinet.gpio.lamp_pattern import STEADY
from drivers.cabinet.gpio.port import Pins, PinsReady
from drivers.cabinet.port import CabinetMute, CabinetReady, NotOpened, Opened, OpenOutcome, OpenUnknown
from drivers.printer.document import Document, ParagraphBlock, TitleBlock
from drivers.printer.port import NotLaidOut, NotPrinted, Printed
from drivers.reader.card_reader import try_card
from drivers.reader.errors import ReaderError
from drivers.reader.outcomes import Accepted, Role
from drivers.reader.port import Presence, Reader, Visit
from drivers.reader.secret import Secret
from drivers.touchscreen.discovery import TouchscreenReady
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from kiosk.station import cabinet_states as cabinets
from kiosk.station import peripherals
from kiosk.station.devices import Devices, printer_state
from kiosk.station.reader_roles import ROLES, UNASSIGNED, Decision, ReaderRole

LAMP_S = 0.5
"""So long the lamp is lit to see whether it can be."""

PRINTER_WORDS: dict[str, str] = {
    DeviceStatus.READY: "it prints",
    DeviceStatus.PAPER_LOW: "it prints; the roll ends soon",
    DeviceStatus.OUT_OF_PAPER: "the paper is at its end: put a new roll in",
    DeviceStatus.COVER_OPEN: "the cover is open: close it",
    DeviceStatus.CUTTER: "the cutter is stuck: open the cover, take the paper out, switch it off and on",
    DeviceStatus.OFFLINE: "it says that it cannot print now: look at its lamps",
    DeviceStatus.MUTE: "it does not answer: look for cable, supply and address",
}

DECISIONS: dict[Decision, str] = {
    Decision.NAME: "named in station.toml",
    Decision.PATTERN: "by the pattern in station.toml",
    Decision.TOLD: "as it was told",
    Decision.ONLY: "the only one",
    Decision.MOVED: "moved here from the port that was told",
    Decision.ORDER: "taken by the order of the ports: tell which is which under Service, Readers",
    Decision.NONE: "nobody's",
}
"""How it was decided whose a reader is."""

NOT_LAID_OUT = (
    "it answers, but the test page does not fit on its paper: compare `profile` in station.toml with the printer"
)


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """One device. `state` is a stable code, `text` says it in words, `details` what was found on the way."""

    name: str
    kind: DeviceKind
    state: str
    ok: bool
    virtual: bool
    text: str
    details: Mapping[str, str | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SelfTestOptions:
    """Options of a self test: what it tries beside looking. `pin_of` gives the code of a virtual card by its number, or None."""

    thorough: bool = False
    print_page: bool = False
    open_slot: int | None = None
    real_cards: bool = True
    """Whether a card in a real reader may be read: it may be a person's."""
    pin_of: Callable[[str | None], Secret | None] = lambda number: None
    tell: Callable[[SelfTestResult], None] = lambda result: None
    """Told of each device as soon as it was tried."""


async def check_devices(devices: Devices, wishes: SelfTestOptions) -> list[SelfTestResult]:
    """Every device that is fitted, in the order of the configuration. Never raises for a device."""
    results: list[SelfTestResult] = []
    async for result in _tried(devices, wishes):
        results.append(result)
        wishes.tell(result)
    return results


async def _tried(devices: Devices, wishes: SelfTestOptions) -> AsyncIterator[SelfTestResult]:
    """One device after the other."""
    for role, reader in zip(ROLES, (devices.reader, devices.administrator_reader), strict=True):
        if reader is not None:
            yield await _reader_of_role(reader, role, devices, wishes)
    if devices.printer is not None:
        yield await _printer(devices, wishes)
    if devices.cabinet is not None:
        yield await _cabinet(devices, wishes)
    if devices.pins is not None:
        yield await _pins(devices.pins, wishes)
    if devices.scanner is not None:
        heard = await devices.scanner.state()
        text = peripherals.advice_for_scanner(heard)
        yield SelfTestResult(devices.scanner.name, DeviceKind.SCANNER, peripherals.code_of_scanner(heard), not text,
                             devices.scanner.virtual, text or "it is there")  # fmt: skip
    for keypad in devices.keypads:
        heard = await keypad.state()
        text = peripherals.advice_for_scanner(heard, "keypad")
        yield SelfTestResult(keypad.name, DeviceKind.SCANNER, peripherals.code_of_scanner(heard), not text, False,
                             text or "it is there", {"role": "keypad"})  # fmt: skip
    if devices.touchscreen is not None:
        panel = devices.touchscreen.state()
        yield SelfTestResult(devices.touchscreen.name, DeviceKind.TOUCHSCREEN, peripherals.code_of_touchscreen(panel),
                             isinstance(panel, TouchscreenReady), False, peripherals.advice_for_touchscreen(panel))  # fmt: skip


async def _pins(pins: Pins, wishes: SelfTestOptions) -> SelfTestResult:
    state = await pins.state()
    if wishes.thorough and isinstance(state, PinsReady):
        pins.set_lamp(STEADY)
        await asyncio.sleep(LAMP_S)
        state = await pins.state()
    code, text = peripherals.code_of_pins(state), peripherals.advice_for_pins(state)
    if not isinstance(state, PinsReady):
        return SelfTestResult(pins.name, DeviceKind.GPIO, code, False, pins.virtual, text)
    facts = {"door": state.door, "headphones": state.headphones, "present": state.present}
    return SelfTestResult(
        pins.name, DeviceKind.GPIO, code, True, pins.virtual, text or "the pins can be read, and follow", facts
    )


async def _reader_of_role(
    reader: Reader, role: ReaderRole, devices: Devices, wishes: SelfTestOptions
) -> SelfTestResult:
    """Return the reader's state, and of a real one which reader has the role, at which port, and how that was decided."""
    result = await _reader(reader, devices, wishes)
    if devices.reader_roles is None or result.virtual:
        return replace(result, details={**result.details, "role": role})
    chosen = (await asyncio.to_thread(devices.reader_roles.assignments)).get(role, UNASSIGNED)
    details: dict[str, str | int | bool | None] = {**result.details, "role": role, "decided": chosen.decision}
    if chosen.reader is None:
        return replace(result, details=details)
    details |= {"reader": chosen.reader.name, "port": chosen.reader.place}
    where = f"{chosen.reader.name} at {chosen.reader.place or 'a port that is not known'}, {DECISIONS[chosen.decision]}"
    return replace(result, details=details, text=f"{result.text}; {where}")


async def _reader(reader: Reader, devices: Devices, wishes: SelfTestOptions) -> SelfTestResult:
    virtual = reader.name in devices.virtual
    presence = await reader.presence()
    match presence:
        case Presence.NO_READER:
            return SelfTestResult(reader.name, DeviceKind.READER, DeviceStatus.NO_READER, False, virtual,
                           "the reader is not there: plug it in, or compare with `kortkiosk card list`")  # fmt: skip
        case Presence.MUTE:
            return SelfTestResult(reader.name, DeviceKind.READER, DeviceStatus.CARD_MUTE, False, virtual,
                           "a card is in and does not answer: turn it round, chip up, or try another")  # fmt: skip
        case Presence.EMPTY:
            return SelfTestResult(
                reader.name, DeviceKind.READER, DeviceStatus.READY, True, virtual, "it is there, without a card"
            )
        case Presence.PRESENT:
            return await _card(reader, virtual, wishes)
        case other:
            assert_never(other)


async def _card(reader: Reader, virtual: bool, wishes: SelfTestOptions) -> SelfTestResult:
    if not wishes.thorough or not (virtual or wishes.real_cards):
        return SelfTestResult(
            reader.name, DeviceKind.READER, DeviceStatus.READY, True, virtual, "it is there, with a card"
        )
    try:
        visit = await reader.visit()
        try:
            signed = await _signs(visit, wishes.pin_of(visit.facts.card_number) if virtual else None)
        finally:
            await visit.close()
    except ReaderError as error:
        return SelfTestResult(
            reader.name,
            DeviceKind.READER,
            DeviceStatus.CARD_FAULT,
            False,
            virtual,
            f"the card in it cannot be read: {error}",
        )
    if signed is False:
        return SelfTestResult(
            reader.name, DeviceKind.READER, DeviceStatus.NO_SIGNATURE, False, virtual, "the card in it does not sign"
        )
    text = "it is there; the card in it can be read" + (" and signs" if signed else "")
    return SelfTestResult(reader.name, DeviceKind.READER, DeviceStatus.READY, True, virtual, text, {"signed": signed})


async def _signs(visit: Visit, pin: Secret | None) -> bool | None:
    """Return whether the card signs; None where its code is not known here."""
    if pin is None:
        return None
    if not isinstance(await visit.verify(Role.IDENTIFICATION, pin), Accepted):
        return False
    return (await try_card(visit, "identification")).verified


async def _printer(devices: Devices, wishes: SelfTestOptions) -> SelfTestResult:
    assert devices.printer is not None
    state = printer_state(devices.printer, await devices.printer.status())
    text = PRINTER_WORDS[state.state]
    if wishes.print_page and state.ok:
        page = Document((TitleBlock("kortkiosk"), ParagraphBlock("Provsida: åäö ÅÄÖ é ü"), ParagraphBlock("Test page")))
        outcome = await devices.printer.print(page)
        if isinstance(outcome, NotPrinted):
            state = printer_state(devices.printer, outcome.status)
            return SelfTestResult(
                state.name, DeviceKind.PRINTER, state.state, False, state.virtual, PRINTER_WORDS[state.state]
            )
        if isinstance(outcome, NotLaidOut):
            return SelfTestResult(
                state.name, DeviceKind.PRINTER, DeviceStatus.NOT_LAID_OUT, False, state.virtual, NOT_LAID_OUT
            )
        if not isinstance(outcome, Printed):
            return SelfTestResult(
                state.name,
                DeviceKind.PRINTER,
                DeviceStatus.UNKNOWN,
                False,
                state.virtual,
                "look whether the test page is whole",
            )
        text += "; the test page is printed"
    return SelfTestResult(state.name, DeviceKind.PRINTER, state.state, state.ok, state.virtual, text)


async def _cabinet(devices: Devices, wishes: SelfTestOptions) -> SelfTestResult:
    cabinet = devices.cabinet
    assert cabinet is not None
    state = await cabinet.state()
    if not isinstance(state, CabinetReady):
        return SelfTestResult(
            cabinet.name,
            DeviceKind.CABINET,
            cabinets.cabinet_state_code(state),
            False,
            cabinet.virtual,
            cabinets.cabinet_advice(state),
        )
    facts = {"slots": len(state.slots), "bin": state.bin_count, "bin_full": state.bin_full}
    findings = await cabinet.self_test() if wishes.thorough else frozenset()
    if findings is None:
        mute = CabinetMute()
        return SelfTestResult(
            cabinet.name,
            DeviceKind.CABINET,
            cabinets.cabinet_state_code(mute),
            False,
            cabinet.virtual,
            cabinets.cabinet_advice(mute),
        )
    if findings:
        first, text = cabinets.name_findings(findings)
        return SelfTestResult(cabinet.name, DeviceKind.CABINET, first, False, cabinet.virtual, text, facts)
    opened = await cabinet.open_slot(wishes.open_slot) if wishes.open_slot is not None else None
    code, text = _opened(wishes.open_slot, opened)
    return SelfTestResult(cabinet.name, DeviceKind.CABINET, code, code == "ready", cabinet.virtual, text, facts)


def _opened(slot: int | None, outcome: OpenOutcome | None) -> tuple[str, str]:
    match outcome:
        case None:
            return DeviceStatus.READY, "it answers"
        case Opened():
            return DeviceStatus.READY, f"it answers; slot {slot} is open: close it"
        case NotOpened(fault):
            return f"slot_{fault.value}", f"slot {slot} did not open: {fault.value.replace('_', ' ')}"
        case OpenUnknown():
            return "slot_unknown", f"nobody knows whether slot {slot} opened: look"
        case other:
            assert_never(other)
