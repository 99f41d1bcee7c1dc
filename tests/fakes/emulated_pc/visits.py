"""What visitors do at an emulated station, screen by screen: as the stories of the errands have it, with codes on the keypad on
the USB, or on the screen's pad where there is none.

What they read are the beginnings of Swedish titles, without their dots: a title of two lines is not read as one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sim.demo.seed import slot_of
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import Surroundings
from tests.fakes.emulated_pc.views import answer_views

FLAP_S = 60.0
"""The screen is read before the cabinet's board has unlocked the flap."""

HOME = "Testa kort"
INSERT = "Satt i ditt kort"
NEW_CODE = "Valj en ny kod"
AGAIN = "Skriv koden"
CHANGED, WORKS, NO_ORDER = "Klart. Koden", "Klart. Kortet", "Inget kort vantar"


@dataclass
class PickUp:
    """Somebody's cards, the code that the new one is given, and the cabinet with its slot. `number`: the person's, from 1."""

    around: Surroundings
    old: VirtualCard
    new: VirtualCard
    number: int
    new_pin: str

    @property
    def has_dropped(self) -> bool:
        return self._binned in self.around.cabinet.drop.binned

    @property
    def _binned(self) -> str:
        return f"{self.number}:old"

    def take(self) -> None:
        """The card out of its slot, where it is still there, and the door is closed."""
        slot = slot_of(person(self.number))
        if slot in self.around.cabinet.cards:
            self.around.call(lambda: self.around.cabinet.take_card(slot))
        self.close()

    def close(self) -> None:
        """The door, with what is behind it."""
        self.around.call(lambda: self.around.cabinet.close_door(slot_of(person(self.number))))

    def drop(self) -> None:
        """The old card into the drop slot, once its flap gives way. Raises MechanicsError where it does not."""
        end = time.monotonic() + FLAP_S
        while self.around.cabinet.drop.locked and time.monotonic() < end:
            time.sleep(0.1)
        self.around.call(lambda: self.around.cabinet.drop.drop_card(self._binned))


class Visitor:
    """Somebody at the station. `keypad`: whether it has one."""

    def __init__(self, machine: EmulatedPc, *, keypad: bool) -> None:
        self._machine, self._keypad = machine, keypad

    def change_code(self, card: VirtualCard, old: str, new: str, *, pulls: bool = False) -> None:
        """Until the card has it. `pulls`: takes the card out on the way, and puts it in again."""
        self.begin("Byt kod", INSERT)
        self.put_in(card, INSERT)
        self.type_code("Skriv din kod", old)
        if pulls:
            self._machine.wait_for(NEW_CODE)
            self._machine.reader.remove()
            self.put_in(card, "Kortet togs ut")
            self.type_code("Skriv din kod", old)
        self.choose_code(new)
        self._machine.wait_for(CHANGED)

    def unlock(self, card: VirtualCard, puk: str, new: str) -> None:
        """With the letter, until the card is unlocked."""
        self.begin("Las upp kort", INSERT)
        self.put_in(card, INSERT)
        self.go_on("Skriv PUK-koden")
        self.type_code("Skriv PUK-koden", puk)
        self.choose_code(new)
        self.press("Ska vi skriva")
        self._machine.wait_for(WORKS)

    def begin_pickup(self) -> None:
        """Until the station asks for the old card."""
        self.begin("Hamta kort", "Med mitt gamla")
        self._machine.tap_phrase_until("Med mitt gamla", "Satt i ditt gamla")

    def collect(self, pickup: "PickUp", *until: str) -> str:
        """Go on with a pick-up that has begun, whatever is asked for: which of these phrases stands there then, unless told that
        the new card works, or that no card waits. Raises NotShownError."""
        machine = self._machine

        def takes() -> None:
            machine.shoot("slot")
            pickup.take()

        def drops() -> None:
            machine.shoot("drop")
            pickup.drop()

        def puts(card: VirtualCard) -> Callable[[], None]:
            return lambda: machine.reader.insert(card)

        def types(digits: str) -> Callable[[], None]:
            return lambda: self._type(digits)

        own, own_pin = (pickup.new, pickup.new_pin) if pickup.has_dropped else (pickup.old, pickup.old.persona.pin)
        actions: dict[str, Callable[[], None]] = {
            "Satt i ditt gamla": puts(own),
            "Skriv koden till": types(own_pin),
            "Ta ut ditt": machine.reader.remove,
            "Las och godkann": machine.tap_main_button,
            "Ta ditt nya": takes,
            "Skriv de atta": types(pickup.new.persona.card_number[-8:]),
            "Satt i ditt nya": puts(pickup.new),
            "Satt i kortet": puts(pickup.new),
            "Skriv PUK-koden": types(pickup.new.persona.puk),
            NEW_CODE: types(pickup.new_pin),
            "Skriv koden som": types(pickup.new_pin),
            "Skriv din nya": types(pickup.new_pin),
            AGAIN: types(pickup.new_pin),
            "Ska vi skriva": machine.tap_main_button,
            "Signera att": machine.tap_main_button,
            "Lagg ditt gamla": drops,
        }
        return answer_views(machine, actions, until or (WORKS, NO_ORDER), BOOT_S)[-1]

    def begin(self, tile: str, then: str) -> None:
        """From the first screen to the one that follows a tile."""
        self._machine.wait_for(HOME)
        self._machine.tap_phrase_until(tile, then)

    def put_in(self, card: VirtualCard, phrase: str) -> None:
        self._machine.wait_for(phrase)
        self._machine.reader.insert(card)

    def choose_code(self, new: str) -> None:
        self.type_code(NEW_CODE, new)
        self.type_code(AGAIN, new)

    def type_code(self, phrase: str, digits: str) -> None:
        self._machine.wait_for(phrase)
        self._type(digits)

    def _type(self, digits: str) -> None:
        if self._keypad:
            self._machine.press_keys(digits, "ret")
            return
        self._machine.type_digits(digits)
        self._machine.tap_main_button()

    def press(self, phrase: str) -> None:
        """The main button of that screen."""
        self._machine.wait_for(phrase)
        self._machine.tap_main_button()

    def go_on(self, *phrases: str) -> None:
        """The main button until one of these stands there."""
        self._machine.tap_main_button_until(*phrases)

    def leave(self, look: Callable[[], object] = lambda: None) -> None:
        """Look at the last screen and end it, take the card, and see that the station is free again."""
        look()
        self._machine.tap_main_button()
        self._machine.reader.remove()
        self._machine.wait_for(HOME)
