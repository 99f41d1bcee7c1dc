"""What a short test of the emulated board leaves out, as it takes minutes: `make emulated`.

A program that hangs with a coil on, a host that falls silent, a power cut. Results here are emulated, not of real hardware.
"""

import pytest

from drivers.cabinet import protocol as wire
from drivers.cabinet.firmware.wiring import STANDARD
from drivers.cabinet.firmware_image import PREBUILT
from drivers.cabinet.messages import HEARTBEAT_LIMIT_MS
from tests.fakes.cabinet.emulated_cabinet import EmulatedCabinet, EmulatedHost

KEY = bytes.fromhex("5a" * 32)
WATCHDOG_MS = 2000
BOOT_MS = 300.0
EMULATED_CLOCK = 1.01
"""How far the emulator's PIO may be from its processor's time."""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def cabinet() -> EmulatedCabinet:
    cabinet = EmulatedCabinet(PREBUILT)
    cabinet.opens_after_ms = None
    assert cabinet.run_until(lambda: cabinet.connected, 100.0)
    return cabinet


@pytest.fixture
def host(cabinet: EmulatedCabinet) -> EmulatedHost:
    host = EmulatedHost(cabinet, KEY)
    host.greet()
    assert host.unsigned(wire.PAIR, key=KEY).number("code") == wire.OK
    host.greet()
    assert host.command(wire.BEGIN) == "OK"
    return host


def test_the_hardware_ends_the_current_of_a_program_that_hangs_and_the_watchdog_restarts_it(
    cabinet: EmulatedCabinet, host: EmulatedHost
) -> None:
    assert host.command(wire.OPEN_SLOT, slot=7) == "OK"
    assert [one.slot for one in cabinet.coils] == [7]
    cabinet.hang()
    assert cabinet.run_until(lambda: cabinet.coils[0].off_ms is not None, 500.0)
    assert cabinet.coils[0].lasted_ms <= int(str(STANDARD["coil_limit_ms"])) * EMULATED_CLOCK
    assert cabinet.restarts == 0
    assert cabinet.run_until(lambda: cabinet.restarts > 0, WATCHDOG_MS)
    assert cabinet.run_until(lambda: cabinet.connected, BOOT_MS)
    welcome = host.greet()
    assert (wire.CAUSES[welcome.number("reset_cause")], welcome.number("paired")) == ("watchdog", 1)
    assert len(cabinet.coils) == 1


def test_a_silent_host_finds_the_flap_locked_and_must_begin_again(cabinet: EmulatedCabinet, host: EmulatedHost) -> None:
    assert host.command(wire.OPEN_FLAP, limit_s=60) == "OK"
    assert host.state().number("flags") & wire.FLAG_FLAP_OPEN
    cabinet.run(HEARTBEAT_LIMIT_MS + 50.0)
    assert host.greet().number("paired") == 1
    assert host.command(wire.BEGIN) == "OK"
    assert not host.state().number("flags") & wire.FLAG_FLAP_OPEN
    assert cabinet.restarts == 0


def test_a_power_cut_with_a_coil_on_ends_it_and_leaves_the_key(cabinet: EmulatedCabinet, host: EmulatedHost) -> None:
    assert host.command(wire.OPEN_SLOT, slot=7) == "OK"
    cabinet.cut_power()
    assert cabinet.run_until(lambda: cabinet.connected, BOOT_MS)
    assert host.greet().number("paired") == 1
    assert cabinet.coils[0].off_ms is not None
    assert host.command(wire.BEGIN) == "OK"
    assert len(cabinet.coils) == 1
