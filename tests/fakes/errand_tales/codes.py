"""Change the code, unlock the card."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from drivers.reader.card_reader import CardReader
from drivers.reader.profiles import Profile, Profiles, builtin
from sim.reader.personas import person
from tests.fakes.errands import OWN, ErrandTale
from tests.fakes.person import Story, pulls, puts
from tests.fakes.room import OLD_PIN, Room, persona_of
from tests.fakes.stories import NEW_PIN

WRONG_PIN, WRONG_PUK = "60606060", "50505050"
PUK = person(1).old.puk
MINE = "1:old"


def change(**changed: Any) -> Callable[[], Story]:
    """The code is known, and a new one is chosen."""
    story = {
        "insert": puts(MINE),
        "pin": OLD_PIN,
        "new_pin": NEW_PIN,
        "repeat_pin": NEW_PIN,
        "done": "end",
        "pulled": puts(MINE),
        "check_code": NEW_PIN,
        **changed,
    }
    return lambda: {f"change_pin.{name}": deed for name, deed in story.items()} | {"closing.take_card": pulls()}


def unlock(**changed: Any) -> Callable[[], Story]:
    """The envelope is at hand, and a new code is chosen."""
    story = {
        "insert": puts(MINE),
        "locked": "unblock",
        "puk": PUK,
        "new_pin": NEW_PIN,
        "repeat_pin": NEW_PIN,
        "write": "write",
        "done": "end",
        "pulled": puts(MINE),
        "check_code": NEW_PIN,
        "not_written": "again",
        **changed,
    }
    return lambda: {f"unblock.{name}": deed for name, deed in story.items()} | {"closing.take_card": pulls()}


def locked(room: Room) -> None:
    """The card's PIN is locked."""
    room.world.card(MINE)._codes.pin.tries_left = 0


def product(**changed: dict[str, str]) -> Callable[[Room], None]:
    """The holder's card is of a product whose tables (`commands`, `unblocking`) are changed so."""

    def prepare(room: Room) -> None:
        profile = builtin().match_name("virtual-b").model_dump()
        mine = Profile.model_validate(profile | {table: profile[table] | rows for table, rows in changed.items()})
        settings = replace(room.settings, profiles=Profiles([mine]))
        room.readers.append(CardReader(room.world.backend, room.caps.reader.name, settings))
        room.equip(reader=room.readers[-1])

    return prepare


def keeps_its_code(room: Room) -> None:
    """Locked, and its PUK gives the old code its tries back: this product takes no new code with it."""
    locked(room)
    product(commands={"unblock": "puk"})(room)


def one_try(room: Room) -> None:
    """Two wrong codes were typed somewhere else."""
    room.world.card(MINE)._codes.pin.tries_left = 1


def code_is(pin: str, *, tries: tuple[int, int] = (3, 10)) -> Callable[[Room], None]:
    """The code and the tries that the card has in the end."""

    def look(room: Room) -> None:
        card = room.world.card(MINE)
        assert card._codes.pin.value == pin.encode()
        assert card.tries_left == tries

    return look


TWO_CODES = replace(OWN, changed={MINE: replace(persona_of(MINE), signature_pin=OLD_PIN)})

TALES = [
    ErrandTale(
        "change_pin: by who knows it",
        "change_pin",
        change(),
        events=("card.change accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
        troubled=True,
    ),
    ErrandTale(
        "change_pin: the same code again, then two that differ, then a good one",
        "change_pin",
        change(
            new_pin=[OLD_PIN, NEW_PIN, NEW_PIN], repeat_pin=[OLD_PIN, "83920175", NEW_PIN], same_as_old="again"
        ),
        check=code_is(NEW_PIN),
        views=("change_pin.same_as_old", "change_pin.new_pin", "change_pin.done"),
    ),
    ErrandTale(
        "change_pin: the last try is kept",
        "change_pin",
        change(pin=WRONG_PIN, pin_wrong="again", pin_last="no", **{"stop.last_try_kept": "end"}),
        outcome="refused",
        reason="last_try_kept",
        check=code_is(OLD_PIN, tries=(1, 10)),
    ),
    ErrandTale(
        "change_pin: a card that comes with one try is asked about it first",
        "change_pin",
        change(pin_last="yes"),
        prepare=one_try,
        views=("change_pin.insert", "change_pin.pin_last", "change_pin.pin"),
        check=code_is(NEW_PIN),
    ),
    ErrandTale(
        "change_pin: the card is locked",
        "change_pin",
        change(**{"stop.card_locked": "end"}),
        outcome="refused",
        reason="card_locked",
        prepare=locked,
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandTale(
        "change_pin: both codes of a card to one",
        "change_pin",
        change(which_code="both", signature_pin=OLD_PIN),
        TWO_CODES,
        events=("card.change accepted", "card.change accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
    ),
    ErrandTale(
        "unblock: with the envelope",
        "unblock",
        unlock(),
        prepare=locked,
        events=("card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
        troubled=True,
    ),
    ErrandTale(
        "unblock: a wrong PUK, then the right one",
        "unblock",
        unlock(puk=[WRONG_PUK, PUK], puk_wrong="again"),
        prepare=locked,
        events=("card.unblock wrong_code", "card.unblock accepted", "receipt.issued"),
        check=code_is(NEW_PIN),
    ),
    ErrandTale(
        "unblock: a forgotten code on a card that is not locked",
        "unblock",
        unlock(not_locked="unblock"),
        check=code_is(NEW_PIN),
    ),
    ErrandTale(
        "unblock: a product that keeps its code, which is known",
        "unblock",
        unlock(old_code_applies="known", pin=OLD_PIN),
        prepare=keeps_its_code,
        events=("card.unblock accepted", "receipt.issued"),
        views=("unblock.write", "unblock.old_code_applies", "unblock.pin", "unblock.done"),
        check=code_is(OLD_PIN),
        troubled=True,
        reasons=frozenset({"old_code_forgotten"}),
    ),
    ErrandTale(
        "unblock: a product that keeps its code, which is forgotten",
        "unblock",
        unlock(old_code_applies="forgotten", **{"stop.old_code_forgotten": "end"}),
        prepare=keeps_its_code,
        outcome="refused",
        reason="old_code_forgotten",
        events=("card.unblock accepted",),
        check=code_is(OLD_PIN),
    ),
    ErrandTale(
        "unblock: no envelope, and nobody to order one from",
        "unblock",
        unlock(locked="no_envelope", without="letter", order_letter="order", **{"stop.letter_unavailable": "end"}),
        prepare=locked,
        outcome="fault",
        reason="letter_unavailable",
        check=code_is(OLD_PIN, tries=(0, 10)),
    ),
    ErrandTale(
        "unblock: wrong PUKs until the station stops",
        "unblock",
        unlock(puk=WRONG_PUK, puk_wrong="again", **{"stop.puk_floor": "end"}),
        prepare=locked,
        outcome="refused",
        reason="puk_floor",
        check=code_is(OLD_PIN, tries=(0, 2)),
    ),
]  # fmt: skip
