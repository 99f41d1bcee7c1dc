"""Which reader is whose, on names as pcsc-lite gives them: readers are pulled, moved, replaced, found in another order."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.errors import NoReaderError
from drivers.reader.port import Look, Presence
from drivers.reader.transport.pcsc import usb_address
from drivers.reader.transport.usb_ports import locate_readers, usb_port
from kiosk.config import ReadersSection
from kiosk.station.reader_roles import FILE, Decision, ReaderRoles, RoleBackend, matches_name
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.usb_readers import UsbReaders

OMNIKEY = "HID Global OMNIKEY 3x21 Smart Card Reader [OMNIKEY 3x21 Smart Card Reader]"
"""A common model without a serial number: two of it have names that differ in their count alone."""
SCR = "SCM Microsystems Inc. SCR 3310 [CCID Interface] (53312028233379)"
QEMU = "Gemalto Gemplus USB SmartCard Reader 433-Swap [CCID Interface] (1-0000:00:06.0-1)"
LEFT, RIGHT, THIRD = "1.3", "1.4", "1.1.2"
AUTO = ReadersSection(holder="auto", administrator="auto")


@pytest.fixture
def usb(tmp_path: Path) -> UsbReaders:
    return UsbReaders(tmp_path)


def roles_of(usb: UsbReaders, folder: Path, section: ReadersSection = AUTO) -> ReaderRoles:
    """As a station that has just started has them."""
    return ReaderRoles(section, folder, usb, root=folder, sleep=lambda _: asyncio.sleep(0))


def who(roles: ReaderRoles) -> dict[str, tuple[str | None, str]]:
    return {
        role: (found.reader.name if found.reader else None, found.decision.value)
        for role, found in roles.assignments().items()
    }


async def tell(usb: UsbReaders, folder: Path, *, holder: str = LEFT, administrator: str | None = RIGHT) -> None:
    """An administrator has told which is which."""
    place = {port: f"0000:01:00.0:{port}" for port in (LEFT, RIGHT, THIRD)}
    await roles_of(usb, folder).keep(place[holder], place[administrator] if administrator else None)


def test_one_reader_is_the_holders(usb: UsbReaders, tmp_path: Path) -> None:
    (name,) = usb.plug_usb(QEMU, "1")
    roles = roles_of(usb, tmp_path)
    assert who(roles) == {"holder": (name, "only"), "administrator": (None, "none")}
    assert (roles.has("holder"), roles.has("administrator")) == (True, False)


def test_two_that_nobody_has_told_apart_are_taken_by_their_ports_and_it_is_said(
    usb: UsbReaders, tmp_path: Path
) -> None:
    right, left = *usb.plug_usb(OMNIKEY, RIGHT), *usb.plug_usb(OMNIKEY, LEFT)
    assert who(roles_of(usb, tmp_path)) == {"holder": (left, "order"), "administrator": (right, "order")}


async def test_two_equal_readers_keep_their_roles_in_another_order_at_the_start(
    usb: UsbReaders, tmp_path: Path
) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path, holder=RIGHT, administrator=LEFT)
    first, second = f"{OMNIKEY} 00 00", f"{OMNIKEY} 01 00"
    assert who(roles_of(usb, tmp_path)) == {"holder": (second, "told"), "administrator": (first, "told")}
    usb.boot([RIGHT, LEFT], bus=3)
    assert who(roles_of(usb, tmp_path)) == {"holder": (first, "told"), "administrator": (second, "told")}


async def test_readers_that_were_pulled_and_put_back_swap_names_and_keep_roles(usb: UsbReaders, tmp_path: Path) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path)
    roles = roles_of(usb, tmp_path)
    before = who(roles)
    usb.pull_usb(LEFT)
    assert who(roles) == {"holder": (None, "none"), "administrator": before["administrator"]}, "it is not taken over"
    usb.pull_usb(RIGHT)
    usb.plug_usb(OMNIKEY, RIGHT)
    usb.plug_usb(OMNIKEY, LEFT)
    after = who(roles)
    assert [name for name, _ in after.values()] == [name for name, _ in reversed(before.values())]


async def test_another_model_at_the_same_port_has_its_role(usb: UsbReaders, tmp_path: Path) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path)
    usb.pull_usb(LEFT)
    (new,) = usb.plug_usb(SCR, LEFT)
    assert who(roles_of(usb, tmp_path))["holder"] == (new, "told")


async def test_a_new_reader_changes_nobodys_role(usb: UsbReaders, tmp_path: Path) -> None:
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path, holder=RIGHT, administrator=None)
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(SCR, THIRD)
    roles = roles_of(usb, tmp_path)
    assert who(roles) == {"holder": (f"{OMNIKEY} 00 00", "told"), "administrator": (None, "none")}
    assert not roles.has("administrator")


async def test_a_reader_that_was_moved_to_another_port_is_found_since_it_alone_is_left(
    usb: UsbReaders, tmp_path: Path
) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path)
    usb.pull_usb(LEFT)
    (moved,) = usb.plug_usb(OMNIKEY, THIRD)
    assert who(roles_of(usb, tmp_path))["holder"] == (moved, "moved")
    usb.plug_usb(SCR, "1.2")
    assert who(roles_of(usb, tmp_path))["holder"][1] == "order", "of two strangers nobody knows which it is"


def test_a_pin_pad_reader_with_two_interfaces_has_one_place_for_each(usb: UsbReaders, tmp_path: Path) -> None:
    first, second = usb.plug_usb("ACME Pad", LEFT, interfaces=(" [Card]", " [Secure Module Slot]"))
    roles = roles_of(usb, tmp_path)
    places = {reader.name: reader.place for reader in roles.located()}
    assert places == {first: f"0000:01:00.0:{LEFT}", second: f"0000:01:00.0:{LEFT}/2"}


def test_an_interface_without_contacts_is_nobodys(usb: UsbReaders, tmp_path: Path) -> None:
    contact, _ = usb.plug_usb(
        "Gemalto Prox-DU", LEFT, interfaces=(" [Prox-DU Contact_09A00795] (09A00795)",
                                             " [Prox-DU Contactless_09A00795] (09A00795)"),
    )  # fmt: skip
    usb.plug_usb("HID Global OMNIKEY 5422CL Smartcard Reader [OMNIKEY 5422CL Smartcard Reader]", RIGHT)
    usb.plug_usb("ACS ACR1252 Dual Reader [ACR1252 Dual Reader SAM]", THIRD)
    assert who(roles_of(usb, tmp_path)) == {"holder": (contact, "only"), "administrator": (None, "none")}


def test_a_file_names_readers_by_pattern_or_by_their_whole_name(usb: UsbReaders, tmp_path: Path) -> None:
    (scr,), (omnikey,) = usb.plug_usb(SCR, LEFT), usb.plug_usb(OMNIKEY, RIGHT)
    by_pattern = ReadersSection(holder="*OMNIKEY 3x21*", administrator="*[CCID Interface] (53312028233379)*")
    assert who(roles_of(usb, tmp_path, by_pattern)) == {
        "holder": (omnikey, "pattern"),
        "administrator": (scr, "pattern"),
    }
    by_name = ReadersSection(holder=scr, administrator="auto")
    assert who(roles_of(usb, tmp_path, by_name)) == {"holder": (scr, "name"), "administrator": (omnikey, "only")}
    usb.plug_usb(OMNIKEY, THIRD)
    assert who(roles_of(usb, tmp_path, by_pattern))["holder"] == (None, "none"), "a pattern that fits two names none"


def test_a_bracket_of_a_name_stands_for_itself() -> None:
    assert matches_name(f"{OMNIKEY} 0? 00", f"{OMNIKEY} 01 00")
    assert not matches_name("[A-Z]*", OMNIKEY)


def test_two_equal_readers_whose_ports_nobody_knows_cannot_be_told_apart() -> None:
    names = [f"{OMNIKEY} 00 00", f"{OMNIKEY} 01 00", f"{SCR} 02 00"]
    assert [reader.place for reader in locate_readers(names, lambda name: "")] == ["", "", f"name:{SCR} 00"]


@pytest.mark.parametrize(
    ("controller", "place"),
    [
        ("devices/platform/axi/1000120000.pcie/1f00200000.usb/xhci-hcd.0", "1f00200000.usb:1.2"),
        ("devices/platform/soc/fe980000.usb", "fe980000.usb:1.2"),
        ("devices/pci0000:00/0000:00:06.0", "0000:00:06.0:1.2"),
    ],
    ids=["Pi 5", "Pi 4's own", "PC"],
)
def test_a_port_is_the_controller_and_the_way_from_it(controller: str, place: str, tmp_path: Path) -> None:
    usb = UsbReaders(tmp_path, controller)
    (name,) = usb.plug_usb(QEMU, "1.2")
    bus, device = usb.usb_address(name) or (0, 0)
    assert usb_port(bus, device, tmp_path) == place
    assert usb_port(bus, device + 1, tmp_path) == ""


def test_a_channel_that_is_no_usb_has_no_address() -> None:
    assert usb_address(bytes.fromhex("03020100")) is None
    assert usb_address(b"") is None


async def test_a_reader_whose_card_is_in_use_keeps_its_place(
    usb: UsbReaders, tmp_path: Path, card: VirtualCard
) -> None:
    (left,) = usb.plug_usb(OMNIKEY, LEFT)
    (right,) = usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path, holder=RIGHT, administrator=LEFT)
    roles = roles_of(usb, tmp_path)
    assert roles.name_of("holder") == right
    usb.slots[right].insert(card)
    connection = RoleBackend(roles, usb).connect("holder")
    usb.plug_usb(SCR, THIRD)
    assert who(roles) == {"holder": (right, "told"), "administrator": (left, "told")}
    connection.close()


@pytest.fixture
def card() -> VirtualCard:
    now = datetime.now(UTC)
    return VirtualCard.create(person(6).new, TestAuthority.create(now), now)


async def test_the_next_card_tells_the_reader_and_one_that_was_in_counts_only_once_it_was_out(
    usb: UsbReaders, tmp_path: Path, card: VirtualCard
) -> None:
    (left,), (right,) = usb.plug_usb(OMNIKEY, LEFT), usb.plug_usb(OMNIKEY, RIGHT)
    roles = roles_of(usb, tmp_path)
    usb.slots[left].insert(card)
    places = await roles.connected()
    waiting = asyncio.create_task(roles.next_card(places, await roles.occupied()))
    assert not (await asyncio.wait({waiting}, timeout=0.05))[0]
    usb.slots[right].insert(usb.slots[left].remove() or card)
    place = await waiting
    assert await roles.keep(place, places[0]) is False, "it had two before"
    assert who(roles) == {"holder": (right, "told"), "administrator": (left, "told")}
    usb.slots[right].remove()
    await roles.emptied(place)


async def test_what_was_told_is_kept_and_a_damaged_file_is_told_anew(usb: UsbReaders, tmp_path: Path) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    roles = roles_of(usb, tmp_path)
    assert await roles.keep(f"0000:01:00.0:{LEFT}", None) is True, "the administrator has none of their own any more"
    assert [found.decision for found in roles_of(usb, tmp_path).assignments().values()] == [
        Decision.TOLD,
        Decision.NONE,
    ]
    for damage in ("{", "[]", '{"holder": 3}', "\udcff".encode("utf-8", "surrogateescape")):
        (tmp_path / FILE).write_bytes(damage if isinstance(damage, bytes) else damage.encode())
        assert who(roles_of(usb, tmp_path))["holder"][1] == "order"


async def test_the_reader_of_a_role_is_followed_by_the_backend(
    usb: UsbReaders, tmp_path: Path, card: VirtualCard
) -> None:
    usb.plug_usb(OMNIKEY, LEFT)
    usb.plug_usb(OMNIKEY, RIGHT)
    await tell(usb, tmp_path)
    backend: Any = RoleBackend(roles_of(usb, tmp_path), usb)
    assert backend.look("holder").presence is Presence.EMPTY
    usb.pull_usb(LEFT)
    assert backend.wait_for_change("holder", Look(Presence.EMPTY), 0.0).presence is Presence.NO_READER
    with pytest.raises(NoReaderError):
        backend.connect("holder")
    (name,) = usb.plug_usb(OMNIKEY, LEFT)
    usb.slots[name].insert(card)
    assert backend.wait_for_change("holder", Look(Presence.NO_READER), 0.0).presence is Presence.PRESENT
    assert backend.look("administrator").presence is Presence.EMPTY
