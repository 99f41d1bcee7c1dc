"""Power cuts in errands, and a reset, at the station that `installed.py` has set up, in an emulated PC: `make image-test`.

What must hold after each: the station comes up by itself, is in service, has told the server every event, and the card has the
code that its holder was told of, or finds out at the station.
"""

import base64
import mmap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from image import layout
from kiosk.station.reset import MARKER
from sim.demo.seed import STATION
from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import person
from tests.fakes.emulated_pc.cards import FatalCard
from tests.fakes.emulated_pc.disks import ARCHITECTURE
from tests.fakes.emulated_pc.installation import Station
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.qmp import QmpError
from tests.fakes.emulated_pc.visits import HOME, INSERT, WORKS, PickUp, Visitor

pytestmark = [pytest.mark.timeout(3600)]

HOLDER = person(5)
NEW_PIN = "314159"
VERIFY, CHANGE, RESET_RETRY, SIGN, SELECT = 0x20, 0x24, 0x2C, 0x2A, 0xA4
LUKS_KEYS = 32768
"""Bytes from the volume's beginning to the area of its first key slot."""
Cut = tuple[Literal["change_code", "unlock"], int, Literal["before", "after"], int]
CUTS: list[Cut] = [
    ("change_code", CHANGE, "after", 1),
    ("change_code", CHANGE, "before", 1),
    ("unlock", RESET_RETRY, "after", 1),
    ("unlock", RESET_RETRY, "before", 1),
    ("change_code", SIGN, "after", 1),
    ("change_code", SIGN, "before", 1),
    ("unlock", SIGN, "after", 1),
    ("unlock", SIGN, "before", 1),
    ("change_code", VERIFY, "after", 4),
    ("change_code", VERIFY, "before", 4),
    ("change_code", VERIFY, "after", 1),
    ("unlock", VERIFY, "after", 1),
    ("change_code", SELECT, "after", 1),
    ("unlock", SELECT, "after", 1),
    ("unlock", VERIFY, "before", 3),
    ("unlock", VERIFY, "after", 3),
]
"""Errand, the command at which the power goes, before it reaches the card or after it was answered, and which one of its kind."""
PICK_UPS = {"slot": 2, "taken": 9, "paper": 5, "dropped": 10}
"""When the power goes in a pick-up, and whose it is: the slot is open, the card is out of it, the receipt is printed, the
old card has just dropped."""
REACHED = {"slot": "Ta ditt nya", "taken": "Skriv de atta", "paper": "Lagg ditt gamla", "dropped": "Lagg ditt gamla"}
"""What stands on the screen then."""


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    with Station.set_up("cut") as station:
        yield station


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut[0]}-{cut[1]:02x}-{cut[2]}-{cut[3]}")
def test_power_is_cut_in_an_errand(cut: Cut, station: Station) -> None:
    errand, ins, when, count = cut
    machine = in_service(station)
    card = new_card(station, HOLDER.old)
    if errand == "unlock":
        card.lock()
    visitor = Visitor(machine, keypad=True)
    visitor.begin("Byt kod" if errand == "change_code" else "Las upp kort", INSERT)
    machine.reader.insert(FatalCard(card, machine.process.kill, ins, when, count))
    go_on_until_it_is_dark(visitor, machine, errand)
    assert machine.process.wait(BOOT_S) != 0
    machine = in_service(station)
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
    machine.shoot("after")
    station.wait_until_whole()
    assert card.codes.pin.value.decode() in (HOLDER.old.pin, NEW_PIN)


@pytest.mark.parametrize("cut", PICK_UPS)
def test_power_is_cut_in_a_pickup(cut: str, station: Station) -> None:
    """The same person comes back, and has a card that works, one receipt, and no old card."""
    machine, number, around = in_service(station), PICK_UPS[cut], station.around
    someone = person(number)
    pickup = PickUp(around, new_card(station, someone.old), new_card(station, someone.new), number, NEW_PIN)
    visitor = Visitor(machine, keypad=True)
    visitor.begin_pickup()
    assert visitor.collect(pickup, REACHED[cut]) == REACHED[cut]
    if cut == "dropped":
        pickup.drop()
    machine.cut_power()
    if cut == "slot":  # its door still stands open, with the card behind it
        machine = station.power_on()
        machine.wait_for("star oppen", BOOT_S)
        machine.shoot("open-door")
        pickup.close()
    machine = in_service(station)
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
    visitor = Visitor(machine, keypad=True)
    visitor.begin_pickup()
    reached = visitor.collect(pickup)
    machine.shoot("came-back")
    assert reached == WORKS or cut == "dropped"
    visitor.leave()
    station.wait_until_whole()
    assert around.cabinet.drop.binned.count(f"{number}:old") == 1
    assert pickup.new.codes.pin.value.decode() == NEW_PIN


def new_card(station: Station, persona: Persona) -> VirtualCard:
    return VirtualCard.create(persona, station.around.cards, datetime.now(UTC), protocol="T=0")


def go_on_until_it_is_dark(visitor: Visitor, machine: EmulatedPc, errand: str) -> None:
    """As far as the errand comes."""
    try:
        if errand == "change_code":
            visitor.type_code("Skriv din kod", HOLDER.old.pin)
        else:
            visitor.go_on("Skriv PUK-koden")
            visitor.type_code("Skriv PUK-koden", HOLDER.old.puk)
        visitor.choose_code(NEW_PIN)
        if errand == "unlock":
            visitor.press("Ska vi skriva")
        machine.process.wait(BOOT_S)
    except (OSError, QmpError):
        if machine.process.poll() is None:
            raise


def in_service(station: Station) -> EmulatedPc:
    """The machine with its first screen, started where it is not on."""
    machine = station.machine
    if machine is None or machine.process.poll() is not None:
        machine = station.power_on()
    machine.wait_for(HOME, BOOT_S)
    return machine


def test_a_reset_leaves_nothing_to_be_read(station: Station) -> None:
    """The power goes while it erases: the next start ends it, and the one after begins anew."""
    machine, disk = in_service(station), station.installation.disk
    kept = "find /efi/kortkiosk -name 'data.*' -exec base64 -w0 {} ';' -exec echo ';'"
    keys = [base64.b64decode(line) for line in machine.shell.run(kept).split()]
    assert keys
    slots = key_slots(disk)
    machine.shell.run("sync")
    assert all(holds(disk, secret) for secret in (*keys, slots))
    machine.shell.run(f"touch /data/kortkiosk/{MARKER}; sync")  # what the administrator's word leaves
    machine.console.wait_for(r"Starting kortkiosk-erase\.service", BOOT_S)
    machine.cut_power()
    machine = station.power_on()
    machine.process.wait(BOOT_S)  # it erases the rest, and starts anew
    named = [text.encode() for text in (STATION, HOLDER.name, HOLDER.old.card_number, HOLDER.hsa_id)]
    assert not any(holds(disk, secret) for secret in (*keys, slots, *named))
    machine = station.power_on()
    machine.wait_for("Svenska", BOOT_S)
    machine.shoot("reset")


def key_slots(disk: Path) -> bytes:
    """A piece of the first key slot's area of the volume (LUKS 2: behind the two headers)."""
    with disk.open("rb") as file:
        file.seek(layout.offset_of("data", ARCHITECTURE) + LUKS_KEYS)
        return file.read(4096)


def holds(disk: Path, secret: bytes) -> bool:
    """Whether the disk's file has these bytes anywhere."""
    with disk.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(secret) >= 0
