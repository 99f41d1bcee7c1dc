"""A station's disk from its first start to its errands, in an emulated PC with a TPM: `make image-test`, not part of `make test`.

The disk is as it is flashed. It is set up by fingers alone, at a fleet server that another person watches; then cards come.
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
from tests.fakes.emulated_pc.disks import fresh_folder
from tests.fakes.emulated_pc.installation import Installation
from tests.fakes.emulated_pc.installer import Installer, claim_of
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import Surroundings
from tests.fakes.emulated_pc.visits import Visitor

pytestmark = [pytest.mark.timeout(3600)]
NEW_PIN = "314159"
HOLDER, FORGETFUL = person(5), person(2)
MINE = "1:old"
"""What the stories call the card of whoever is at the station."""
Log = list[tuple[str, int, int, int | None]]


@pytest.fixture(scope="module")
def installation() -> Installation:
    return Installation.begin()


@pytest.fixture(scope="module")
def around(installation: Installation) -> Iterator[Surroundings]:
    with Surroundings(installation.around) as around:
        yield around


@pytest.fixture(scope="module")
def machine(installation: Installation, around: Surroundings) -> Iterator[EmulatedPc]:
    with installation.power_on(around, fresh_folder("installed")) as machine:
        machine.shell.wait_until_there(BOOT_S)
        yield machine


def test_it_is_set_up_by_fingers_and_goes_into_service(machine: EmulatedPc, around: Surroundings) -> None:
    installer = Installer(machine, around, str(claim_of(around).code))
    installer.set_up()
    machine.shoot("in-service")
    assert around.printer.receipts, "the test page"
    while not around.desk.receives_visitors(STATION):
        assert machine.process.poll() is None
        machine.shell.run("sleep 5")


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
    cards = issue(around, someone.old), issue(around, someone.new)
    visitor.collect(around, cards, someone.order, NEW_PIN)
    visitor.leave(lambda: machine.shoot("collected"))
    assert around.cabinet.drop.binned == (f"{someone.order}:old",)
    assert len(around.printer.receipts) == before + 1


def test_nothing_failed_and_it_is_kept(machine: EmulatedPc, installation: Installation) -> None:
    assert machine.shell.run("systemctl --failed --no-legend --plain") == ""
    assert machine.shell.run("cat /run/kortkiosk-data-kept") == "tpm"
    machine.shell.run("sync; systemctl poweroff", BOOT_S)
    machine.process.wait(BOOT_S)
    installation.keep()


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
