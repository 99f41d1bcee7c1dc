"""Readers by role as devices of a station: what `station.toml` asks for, what is said of each, a card read through its role."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.reader.card_reader import ReaderSettings, visiting
from drivers.reader.port import Presence
from kiosk.config import Config, ReadersSection
from kiosk.station import build_devices
from kiosk.station.build_devices import make_devices
from kiosk.station.devices import Devices
from kiosk.station.self_test import SelfTestOptions, check_devices
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.usb_readers import UsbReaders

OMNIKEY = "HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader]"
LEFT, RIGHT = "0000:01:00.0:1.3", "0000:01:00.0:1.4"


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UsbReaders:
    """Two equal readers, the left one plugged in first, in place of this machine's."""
    readers = UsbReaders(tmp_path)
    readers.plug_usb(OMNIKEY, "1.3")
    readers.plug_usb(OMNIKEY, "1.4")
    real = build_devices.ReaderRoles
    monkeypatch.setattr(build_devices, "PcscBackend", lambda: readers)
    monkeypatch.setattr(build_devices, "ReaderRoles", lambda *given, **named: real(*given, **named, root=tmp_path))
    return readers


def devices_of(folder: Path, *, holder: str, administrator: str, told: Callable[[], None] = lambda: None) -> Devices:
    (folder / "data").mkdir(exist_ok=True)
    config = Config(readers=ReadersSection(holder=holder, administrator=administrator))
    return make_devices(config, folder, ReaderSettings(), None, on_readers_told=told)


async def test_after_a_start_in_another_order_each_role_still_has_its_card(usb: UsbReaders, tmp_path: Path) -> None:
    told: list[str] = []
    devices = devices_of(tmp_path, holder="auto", administrator="auto", told=lambda: told.append("told"))
    roles = devices.reader_roles
    assert roles is not None
    assert (roles.automatic, roles.is_untold()) == (True, True)
    assert await roles.keep(RIGHT, LEFT) is False
    assert (roles.is_untold(), told) == (False, ["told"])
    await devices.close()
    usb.boot(["1.4", "1.3"], bus=2)
    usb.slots[f"{OMNIKEY} 00 00"].insert(VirtualCard.create(person(6).new, TestAuthority.create(NOW), NOW))
    devices = devices_of(tmp_path, holder="auto", administrator="auto")
    assert devices.reader is not None
    assert devices.administrator_reader is not None
    assert await devices.reader.presence() is Presence.PRESENT
    assert await devices.administrator_reader.presence() is Presence.EMPTY
    async with visiting(devices.reader) as visit:
        assert visit.facts.card_number == person(6).new.card_number
    await devices.close()


NOW = datetime.now(UTC)


async def test_a_reader_that_comes_back_under_another_name_is_heard(usb: UsbReaders, tmp_path: Path) -> None:
    devices = devices_of(tmp_path, holder="auto", administrator="auto")
    assert devices.reader_roles is not None
    await devices.reader_roles.keep(LEFT, RIGHT)
    reader = devices.reader
    assert reader is not None
    seen: asyncio.Queue[Presence] = asyncio.Queue()

    async def watch() -> None:
        async for presence in reader.changes():
            seen.put_nowait(presence)

    watching = asyncio.create_task(watch())
    assert await seen.get() is Presence.EMPTY
    usb.pull_usb("1.3")
    assert await seen.get() is Presence.NO_READER
    usb.pull_usb("1.4")
    usb.plug_usb(OMNIKEY, "1.4")
    usb.plug_usb(OMNIKEY, "1.3")
    assert await seen.get() is Presence.EMPTY
    assert devices.reader_roles.name_of("holder") == f"{OMNIKEY} 01 00"
    watching.cancel()
    await devices.close()


async def test_one_reader_serves_both_where_the_second_was_never_there(usb: UsbReaders, tmp_path: Path) -> None:
    usb.pull_usb("1.4")
    devices = devices_of(tmp_path, holder="auto", administrator="auto")
    assert devices.reader is not None
    assert devices.administrator_reader is None
    await devices.close()


@pytest.mark.parametrize(
    ("holder", "administrator", "decided", "words"),
    [
        ("auto", "auto", ("order", "order"), "tell which is which under Service, Readers"),
        ("*01 00", "auto", ("pattern", "only"), "by the pattern in station.toml"),
        (f"{OMNIKEY} 01 00", f"{OMNIKEY} 00 00", ("name", "name"), "named in station.toml"),
    ],
)
async def test_each_reader_says_role_port_and_how_it_was_decided(
    usb: UsbReaders, tmp_path: Path, holder: str, administrator: str, decided: tuple[str, str], words: str
) -> None:
    devices = devices_of(tmp_path, holder=holder, administrator=administrator)
    first, second = await check_devices(devices, SelfTestOptions())
    assert [(result.details["role"], result.details["decided"]) for result in (first, second)] == [
        ("holder", decided[0]), ("administrator", decided[1]),
    ]  # fmt: skip
    assert {first.details["port"], second.details["port"]} == {LEFT, RIGHT}
    assert words in first.text
    assert str(first.details["reader"]) in first.text
    await devices.close()
