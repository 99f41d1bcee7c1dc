"""Pins as data: what fits is taken as it is, what does not is named."""

import json

from drivers.cabinet import messages as m
from drivers.cabinet import protocol
from drivers.cabinet.firmware.expander import GPIOA, GPPUA, IODIRA, OLATA, Expanders
from drivers.cabinet.firmware.rewiring import wiring_of
from drivers.cabinet.firmware.wiring import STANDARD, Wiring, WiringError, standard
from tests.drivers.cabinet.firmware.rig import KEY, Rig

SMALL: "dict[str, object]" = {
    "name": "two", "locks": ["gpio:0", "mcp32:3"], "doors": "mcp32:4..5", "coil_power": "gpio:7",
    "bus": {"sda": 8, "scl": 9},
}  # fmt: skip


def wrong(**changes: object) -> str:
    """What is wrong with the small wiring, changed like this."""
    data = dict(SMALL)
    data.update(changes)
    try:
        Wiring({key: value for key, value in data.items() if value is not None})
    except WiringError as error:
        return str(error)
    return ""


def test_the_standard_wiring_fits() -> None:
    wiring = Wiring(STANDARD)
    assert (wiring.slots, wiring.coil_limit_ms, wiring.holds, len(wiring.lamps)) == (24, 400, 50, 4)
    assert wiring.locks[0] == "out:0"
    assert wiring.cards[-1] == "in:47"
    for slots in (1, 64):
        assert Wiring(standard(slots)).slots == slots


def test_slots_may_be_on_any_mixture_of_pins() -> None:
    wiring = Wiring(SMALL)
    assert wiring.locks == ("gpio:0", "mcp32:3")
    assert wiring.doors == ("mcp32:4", "mcp32:5")
    assert not wiring.has_drop
    assert wiring.cards == ()


def test_what_does_not_fit_is_named() -> None:
    assert wrong() == ""
    assert wrong(locks=None) == "locks: a pin is like gpio:7"
    assert wrong(locks=["gpio:0", "gpio:0"]) == "locks: gpio:0 is used twice"
    assert wrong(doors=["gpio:0", "gpio:1"]) == "doors: gpio:0 is used twice"
    assert wrong(doors="mcp32:4..6") == "locks, doors and cards: as many of each"
    assert wrong(locks="out:0..64") == "locks: 1 to 64 pins"
    assert wrong(locks="gpio:23..24") == "locks: there is no gpio:23"
    assert wrong(locks="mcp40:0..1") == "locks: there is no mcp40:0"
    assert wrong(locks="mcp32:15..16") == "locks: there is no mcp32:16"
    assert wrong(locks="gpio:x") == "locks: gpio:x"
    assert wrong(locks="usb:1..2") == "locks: there is no usb:1"
    assert wrong(coil_power="out:1") == "coil_power must be a pin of the Pico"
    assert wrong(coil_power=None) == "coil_power: a pin is like gpio:7"
    assert wrong(coil_limit_ms=501) == "coil_limit_ms: 1 to 500"
    assert wrong(coil_limit_ms="1") == "coil_limit_ms: 1 to 500"
    assert wrong(bus={"sda": 8}) == "bus: sda, scl"
    assert wrong(bus={"sda": 7, "scl": 9}) in ("bus: gpio:7 is used twice", "coil_power: gpio:7 is used twice")
    assert wrong(bus={"sda": 9, "scl": 10}) == "bus: an even sda, and the scl after it"
    assert wrong(bus={"sda": 8, "scl": 11}) == "bus: an even sda, and the scl after it"
    assert wrong(name="") == "name: 1 to 24 printable signs"
    assert wrong(extra=1) == "extra is not known"
    assert wrong(inverted=["bells"]) == "inverted: bells"
    assert wrong(drop=1) == "drop"
    assert wrong(drop={}) == "drop: either a servo or a solenoid"
    assert wrong(drop={"servo": "gpio:1", "solenoid": "gpio:2"}) == "drop: either a servo or a solenoid"
    assert wrong(drop={"servo": "gpio:1"}) == "drop: flap_sensor is missing"
    assert wrong(drop={"servo": "gpio:1", "bells": 1}) == "drop: bells is not known"


class Bus:
    """Expanders' registers, as the data sheet numbers them."""

    def __init__(self) -> None:
        self.registers: dict[tuple[int, int], bytes] = {}
        self.order: list[int] = []

    def writeto_mem(self, address: int, register: int, content: bytes) -> None:
        self.registers[address, register] = content
        self.order.append(register)

    def readfrom_mem(self, address: int, register: int, size: int) -> bytes:
        return self.registers[address, register][:size]


def test_an_expander_s_outputs_are_low_before_they_are_outputs() -> None:
    bus = Bus()
    expanders = Expanders(bus, ("mcp32:3", "gpio:1"), ("mcp32:4", "mcp33:0"))
    assert bus.order.index(OLATA) < bus.order.index(IODIRA)
    assert bus.registers[32, OLATA] == b"\0\0"
    assert bus.registers[32, IODIRA] == b"\xf7\xff"
    assert bus.registers[33, GPPUA] == b"\xff\xff"
    expanders.set("mcp32:3", True)
    expanders.write()
    assert bus.registers[32, OLATA] == b"\x08\0"
    bus.registers[32, GPIOA], bus.registers[33, GPIOA] = b"\x10\0", b"\0\0"
    expanders.read()
    assert expanders.level("mcp32:4")
    assert not expanders.level("mcp33:0")


def sent(rig: Rig, content: bytes) -> "list[int]":
    """The codes that answer these wiring data."""
    return [rig.code(m.WIRING, **values) for values in protocol.wiring_parts(content)]


def test_wiring_data_come_over_the_line_and_count_from_the_next_start() -> None:
    rig = Rig().begin()
    content = json.dumps(standard(12)).encode()
    codes = sent(rig, content)
    assert len(codes) > 1
    assert set(codes) == {m.OK}
    assert rig.firmware.restart()
    assert wiring_of(rig.flash).slots == 12
    assert rig.hello().number("slots") == 4


def test_wiring_data_that_do_not_fit_are_not_kept() -> None:
    for content in (b"{", b"[]", b"1", b'{"name": "x"}', b"[" * 1900, b'{"locks": [[]]}', b"\xff"):
        rig = Rig().begin()
        assert sent(rig, content)[-1] == m.BAD_PAYLOAD
        assert not rig.firmware.restart()
        assert wiring_of(rig.flash).name == "standard 24"
        assert rig.code(m.HEARTBEAT) == m.OK


def test_parts_of_wiring_data_come_in_their_order_or_not_at_all() -> None:
    rig = Rig().begin()
    first, second = protocol.wiring_parts(json.dumps(standard(12)).encode())[:2]
    assert rig.code(m.WIRING, **second) == m.BAD_PAYLOAD
    assert [rig.code(m.WIRING, **part) for part in (first, first, second)] == [m.OK] * 3
    assert rig.code(m.WIRING, **second) == m.BAD_PAYLOAD
    assert rig.code(m.WIRING, size=m.MAX_WIRING + 1, at=0, part=b"{") == m.BAD_PAYLOAD
    assert rig.code(m.WIRING, size=1, at=0, part=b"{}") == m.BAD_PAYLOAD
    assert rig.code(m.WIRING, size=2, at=0, part=b"") == m.BAD_PAYLOAD
    assert not rig.firmware.restart()


def test_wiring_data_that_cannot_be_kept_are_told() -> None:
    rig = Rig().begin()
    rig.flash.broken = True
    assert sent(rig, json.dumps(standard(12)).encode())[-1] == m.FLASH_FAILED
    assert not rig.firmware.restart()


def test_wiring_data_of_a_flash_that_holds_nonsense_are_the_standard_ones() -> None:
    rig = Rig(key=KEY)
    rig.flash.files["wiring.json"] = b"nonsense"
    assert wiring_of(rig.flash).name == "standard 24"
