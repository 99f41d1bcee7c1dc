"""The touchscreen as one of the station's devices: there where no desktop reads it, and said to be missing where it is."""

from pathlib import Path

import pytest

from drivers.reader.card_reader import ReaderSettings
from drivers.touchscreen.discovery import (
    TouchscreenMissing,
    TouchscreenReady,
    TouchscreenRefused,
    Touchscreens,
    TouchscreenState,
)
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import DeviceKind, DeviceStatus
from kiosk.config import Config
from kiosk.station.build_devices import make_devices
from kiosk.station.devices import Devices
from kiosk.station.self_test import SelfTestOptions, check_devices

READY = TouchscreenReady("/dev/input/by-path/x", "Made-up panel")
DENIED = TouchscreenRefused("/dev/input/event3 may not be read; the station's user belongs in the group input")


class Panel(Touchscreens):
    """One that is in a given state."""

    def __init__(self, found: TouchscreenState) -> None:
        super().__init__()
        self._found = found

    def state(self) -> TouchscreenState:
        return self._found


def devices_of(monkeypatch: pytest.MonkeyPatch, driver: str | None) -> Devices:
    if driver is None:
        monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    else:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    return make_devices(Config(), Path(), ReaderSettings(), None)


@pytest.mark.parametrize("driver", [None, "x11", "wayland", ""])
async def test_under_a_desktop_nothing_reads_the_panel_a_second_time(
    driver: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(monkeypatch, driver)
    await devices.look()
    assert (devices.touchscreen, devices.states) == (None, ())


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (TouchscreenMissing(), DeviceStatus.MISSING, "no touchscreen is connected"),
        (READY, DeviceStatus.READY, "read from Made-up panel (/dev/input/by-path/x)"),
        (DENIED, DeviceStatus.REFUSED, "group input"),
    ],
)
async def test_without_a_desktop_the_station_tells_how_its_panel_is(
    found: TouchscreenState, status: DeviceStatus, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(monkeypatch, "kmsdrm")
    assert devices.touchscreen is not None
    devices.touchscreen = Panel(found)
    await devices.look()
    ok = status is DeviceStatus.READY
    assert devices.states == (DeviceState("touchscreen", DeviceKind.TOUCHSCREEN, status, ok),)
    [result] = await check_devices(devices, SelfTestOptions())
    assert (result.state, result.ok) == (status, ok)
    assert words in result.text
