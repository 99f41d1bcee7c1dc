"""The kept image on an emulated RP2040: it starts, is paired, opens a slot within its coil's limit, and has no prompt.

The emulated board is some twenty times slower than a real one, so this is a short story in one; the same logic is tested
widely on CPython and on the Unix port. Results here are emulated, not of real hardware.
"""

import pytest

from drivers.cabinet import protocol as wire
from drivers.cabinet.firmware.wiring import STANDARD
from drivers.cabinet.firmware_image import PREBUILT, read_image, source_digest
from tests.fakes.cabinet.emulated_cabinet import SLOTS, EmulatedCabinet, EmulatedHost

KEY = bytes.fromhex("5a" * 32)
PROMPT_BYTES = b"\x03\x03\r\n\x02\x01\x04"
"""Ctrl-C twice, friendly and raw prompt, end: what opens a prompt on an ordinary MicroPython."""


def test_the_kept_image_is_made_from_the_sources_at_hand() -> None:
    image = read_image(PREBUILT.read_bytes())
    assert image.version == wire.FIRMWARE
    assert image.sources == source_digest(), "the firmware has changed: run make firmware ARGS=--keep"


@pytest.mark.timeout(900)
def test_a_board_from_power_on_to_an_open_door_and_a_jammed_one() -> None:
    cabinet = EmulatedCabinet(PREBUILT)
    cabinet.cards |= {1, 9}
    host = EmulatedHost(cabinet, KEY)
    assert cabinet.run_until(lambda: cabinet.connected, 100.0)

    cabinet.write(PROMPT_BYTES)
    welcome = host.greet()
    assert (tuple(welcome.octets("firmware")), welcome.number("slots")) == (wire.FIRMWARE, SLOTS)
    assert welcome.number("paired") == 0
    assert host.unsigned(wire.OPEN_SLOT, slot=3).kind == wire.REFUSED
    assert host.unsigned(wire.PAIR, key=KEY).number("code") == wire.OK
    assert host.greet().number("paired") == 1
    assert host.command(wire.BEGIN) == "OK"

    cabinet.opens_after_ms = 20.0
    assert host.command(wire.OPEN_SLOT, slot=24) == "OK"
    assert host.wait_event(wire.DOOR, 100.0)["slot"] == 24
    assert [one.slot for one in cabinet.coils] == [24]
    assert cabinet.coils[0].lasted_ms < 60, "the current ends when the door is open"
    state = host.state()
    assert (wire.slots_of(state.octets("doors_open")), wire.slots_of(state.octets("cards"))) == ([24], [1, 9])
    assert host.command(wire.OPEN_SLOT, slot=5) == "OTHER_OPEN"

    cabinet.doors.clear()
    cabinet.opens_after_ms = None
    cabinet.run(250.0)
    assert host.command(wire.OPEN_SLOT, slot=3) == "OK"
    assert host.command(wire.OPEN_SLOT, slot=5) == "BUSY"
    assert host.wait_event(wire.COIL_LIMIT, 500.0)["slot"] == 3
    assert [one.slot for one in cabinet.coils] == [24, 3]
    assert cabinet.coils[1].lasted_ms <= int(str(STANDARD["coil_limit_ms"]))
    assert cabinet.restarts == 0
