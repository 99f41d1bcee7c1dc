"""A station's disk from its first start to its errands, in an emulated PC with a TPM: `make image-test`, not part of `make test`.

The disk is as it is flashed. It is set up by fingers alone, at a fleet server that another person watches, while the power is cut
at claim, approval and enrolment; then cards come.
Beside what `booted.py` says are emulated: the network, the TPM, a keypad on the USB, the printer, and the serial line of the
cabinet's board. Disk, TPM and server are kept for the other parts, which go on from here.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.errands.registry import ERRANDS
from sim.demo.seed import STATION
from sim.reader.cards import VirtualCard
from sim.reader.persona import Persona
from sim.reader.personas import person
from sim.stories.clock import NOW
from sim.stories.errand_stories import OWN
from sim.stories.person import Person, pulls, puts
from sim.stories.room import authority
from sim.stories.setting import room_for
from tests.fakes.emulated_pc.installation import Station
from tests.fakes.emulated_pc.installer import Installer, claim_of
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import Surroundings
from tests.fakes.emulated_pc.visits import WORKS, PickUp, Visitor

pytestmark = [pytest.mark.timeout(3600)]
NEW_PIN = "314159"
CLAIMED = "driften godkanna"
"""The view that waits for operations."""
ASKED_ONCE = {"Svenska", "Hur nar stationen", "serverns adress", "stationens namn", "Skriv koden", CLAIMED}
"""Views that do not come back after a power cut."""
HOLDER, FORGETFUL = person(5), person(2)
MINE = "1:old"
"""What the stories call the card of whoever is at the station."""
Log = list[tuple[str, int, int, int | None]]


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    with Station.new("installed") as station:
        yield station


@pytest.fixture(scope="module")
def around(station: Station) -> Surroundings:
    return station.around


@pytest.fixture(scope="module")
def code(around: Surroundings) -> str:
    """Of the claim."""
    return str(claim_of(around).code)


def test_power_is_cut_while_its_claim_waits(station: Station, code: str) -> None:
    """Its key is made, and the server has heard of it."""
    machine = station.power_on()
    Installer(machine, station.around, code).set_up(until=CLAIMED)
    machine.cut_power()


def test_power_is_cut_once_it_is_approved(station: Station) -> None:
    """The claim is asked for again by itself; the certificate is issued, and may be on its way."""
    machine = station.power_on()
    machine.wait_for(CLAIMED, BOOT_S)
    assert station.around.desk.approve(STATION)
    machine.cut_power()


def test_power_is_cut_while_it_enrols(station: Station) -> None:
    """Its certificate has come; the identity is being written, or just is."""
    machine = station.power_on()
    places = (f"[ -e /data/kortkiosk/{folder}/station.pem ]" for folder in (".identity.enrolling", "identity"))
    machine.shell.run(f"until {' || '.join(places)}; do sleep 0.1; done", BOOT_S)
    machine.cut_power()


def test_it_is_set_up_by_fingers_and_goes_into_service(station: Station, code: str) -> None:
    machine = station.power_on()
    installer = Installer(machine, station.around, code)
    installer.set_up()
    assert not ASKED_ONCE & set(installer.done)
    machine.shoot("in-service")
    assert station.around.printer.receipts, "the test page"
    station.wait_until_whole()


@pytest.fixture
def machine(station: Station) -> EmulatedPc:
    return station.machine or station.power_on()


@pytest.fixture
def visitor(machine: EmulatedPc) -> Visitor:
    return Visitor(machine, keypad=True)


def test_a_code_is_changed_on_the_keypad(
    visitor: Visitor, machine: EmulatedPc, around: Surroundings, tmp_path: Path
) -> None:
    card = issue(around, HOLDER.old)
    visitor.change_code(card, HOLDER.old.pin, NEW_PIN)
    visitor.leave(lambda: machine.shoot("changed"))
    assert told(card) == log_of_virtual_reader(tmp_path, changed_at_virtual_reader())


def test_a_card_that_is_pulled_may_come_back(visitor: Visitor, machine: EmulatedPc, around: Surroundings) -> None:
    card = issue(around, HOLDER.old)
    visitor.change_code(card, HOLDER.old.pin, NEW_PIN, pulls=True)
    visitor.leave()
    assert card.codes.pin.tries_left == 3


def test_a_card_is_unlocked(visitor: Visitor, machine: EmulatedPc, around: Surroundings, tmp_path: Path) -> None:
    card = issue(around, FORGETFUL.old)
    card.lock()
    visitor.unlock(card, FORGETFUL.old.puk, NEW_PIN)
    visitor.leave(lambda: machine.shoot("unlocked"))
    answers = {"insert": puts(MINE), "locked": "unblock", "puk": FORGETFUL.old.puk, "new_pin": NEW_PIN,
               "repeat_pin": NEW_PIN, "write": "write", "done": "end"}  # fmt: skip
    locked = VirtualCard.create(FORGETFUL.old, authority(), NOW, protocol="T=0")
    locked.lock()
    assert told(card) == log_of_virtual_reader(tmp_path, changed_at_virtual_reader(), ("unblock", locked, answers))


def test_a_new_card_is_collected(visitor: Visitor, machine: EmulatedPc, around: Surroundings) -> None:
    someone, before = person(1), len(around.printer.receipts)
    pickup = PickUp(around, issue(around, someone.old), issue(around, someone.new), someone.order, NEW_PIN)
    visitor.begin_pickup()
    assert visitor.collect(pickup) == WORKS
    visitor.leave(lambda: machine.shoot("collected"))
    assert around.cabinet.drop.binned == (f"{someone.order}:old",)
    assert len(around.printer.receipts) == before + 1


def test_nothing_failed_and_it_is_kept(machine: EmulatedPc, station: Station) -> None:
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
    assert machine.shell.run("cat /run/kortkiosk-data-kept") == "tpm"
    machine.shell.run("sync; systemctl poweroff", BOOT_S)
    machine.process.wait(BOOT_S)
    station.installation.keep()


def issue(around: Surroundings, persona: Persona) -> VirtualCard:
    """A card as that person has it, which the emulated reader can carry."""
    return VirtualCard.create(persona, around.cards, datetime.now(UTC), protocol="T=0")


def changed_at_virtual_reader() -> tuple[str, VirtualCard, Mapping[str, Any]]:
    answers = {"insert": puts(MINE), "pin": HOLDER.old.pin, "new_pin": NEW_PIN, "repeat_pin": NEW_PIN, "done": "end"}
    return "change_pin", VirtualCard.create(HOLDER.old, authority(), NOW, protocol="T=0"), answers


def log_of_virtual_reader(folder: Path, *visits: tuple[str, VirtualCard, Mapping[str, Any]]) -> Log:
    """What the card of the last of these visits is told by a station with a virtual reader, which never was a machine. The visits
    before are those in which the machine has come to know how cards of that product answer."""

    async def run() -> None:
        room = room_for(folder, OWN)
        for errand, card, answers in visits:
            room.world.cards[MINE] = card
            story = {f"{errand}.{view}": answer for view, answer in answers.items()} | {"closing.take_card": pulls()}
            ended = await room.errand(
                Person(room.world, room.clock, story), next(one for one in ERRANDS if one.id == errand).journey, errand
            )
            assert ended.outcome == "done", ended
        await room.close()

    asyncio.run(run())
    return told(visits[-1][1])


def told(card: VirtualCard) -> Log:
    """What a card was told, and what it answered: without the second byte, which counts what is left to read of certificates
    that differ in length."""
    return [(entry.ins, entry.p1, entry.p2, entry.sw and entry.sw >> 8) for entry in card.log]
