"""What visitors do at an emulated station, screen by screen: as the stories of the errands have it, with codes on the keypad on
the USB, or on the screen's pad where there is none.

What they read are the beginnings of Swedish titles, without their dots: a title of two lines is not read as one.
"""

from collections.abc import Callable

from sim.demo.seed import slot_of
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from tests.fakes.emulated_pc.machine import EmulatedPc
from tests.fakes.emulated_pc.surroundings import Surroundings

HOME = "Testa kort"
INSERT = "Satt i ditt kort"
NEW_CODE = "Valj en ny kod"
AGAIN = "Skriv koden"
CHANGED, WORKS = "Klart. Koden", "Klart. Kortet"


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

    def collect(self, around: Surroundings, cards: tuple[VirtualCard, VirtualCard], order: int, new: str) -> None:
        """A new card of that person, by the old one, until the old one has dropped and the new one works."""
        (old_card, new_card), slot = cards, slot_of(person(order))
        self.begin("Hamta kort", "Med mitt gamla")
        self._machine.tap_phrase_until("Med mitt gamla", "Satt i ditt gamla")
        self.put_in(old_card, "Satt i ditt gamla")
        self.type_code("Skriv koden till", old_card.persona.pin)
        self._machine.wait_for("Ta ut ditt")
        self._machine.reader.remove()
        self.go_on("Ta ditt nya")
        self._machine.shoot("slot")
        around.call(lambda: around.cabinet.take_card(slot))
        around.call(lambda: around.cabinet.close_door(slot))
        self.type_code("Skriv de atta", new_card.persona.card_number[-8:])
        self.put_in(new_card, "Satt i ditt nya")
        self.type_code("Skriv PUK-koden", new_card.persona.puk)
        self.choose_code(new)
        self.press("Ska vi skriva")
        self.go_on("Lagg ditt gamla")
        self._machine.shoot("drop")
        around.call(lambda: around.cabinet.drop.drop_card(f"{order}:old"))
        self._machine.wait_for(WORKS)

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
