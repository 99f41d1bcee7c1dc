"""An installer at the assistant's screens, from whichever is up to the station's first screen: by fingers, in Swedish."""

from collections.abc import Callable

from provisioning.est.claim_codes import Claim
from sim.demo.seed import SLOTS, STATION
from tests.fakes.emulated_pc.keyboards import find_keyboards
from tests.fakes.emulated_pc.machine import BOOT_S, EmulatedPc
from tests.fakes.emulated_pc.surroundings import HOST, Surroundings
from tests.fakes.emulated_pc.views import answer_views
from tests.fakes.emulated_pc.visits import HOME


class Installer:
    """With somebody at the server's desk, who approves. `code`: of the claim, as the dashboard shows it."""

    def __init__(self, machine: EmulatedPc, around: Surroundings, code: str) -> None:
        self._machine, self._around = machine, around
        self._keyboards = find_keyboards()
        self._code = code.replace("-", "")
        self._actions: dict[str, Callable[[], None]] = {
            "Svenska": lambda: machine.tap_phrase("Svenska"),
            "Hur nar stationen": lambda: machine.tap_phrase("Automatisk adress"),
            "serverns adress": lambda: self._type(HOST, "server"),
            "stationens namn": lambda: self._type(STATION),
            "Skriv koden": lambda: self._type(self._code, "code", "code"),
            "driften godkanna": self._approve,
            "Vilken skrivare": lambda: machine.tap_phrase("Skrivare pa natet"),
            "skrivarens adress": lambda: self._type(HOST),
            "Skapet hittas": machine.tap_main_button,
            "Skapet gick": machine.tap_main_button,
            "fungerar inte": self._fail,
            "fungerar": lambda: machine.tap_main_button("tested"),
            "Kom provsidan": machine.tap_main_button,
            f"Har skapet {SLOTS}": lambda: machine.tap_main_button("slots"),
            "Stationen ar klar": lambda: machine.tap_main_button("ready"),
        }
        self.done: list[str] = []
        """The views that were answered, in order."""

    def set_up(self, until: str = HOME) -> None:
        """Until that phrase stands on the screen. Raises NotShownError."""
        self.done += answer_views(self._machine, self._actions, (until,), 2 * BOOT_S)

    def _type(self, text: str, picture: str = "", keyboard: str = "host") -> None:
        self._machine.type_text(text, self._keyboards[keyboard])
        self._machine.tap_main_button(picture)

    def _approve(self) -> None:
        self._machine.shoot("approve")
        assert self._around.desk.approve(STATION)

    def _fail(self) -> None:
        raise AssertionError(f"a device does not work: {self._machine.shoot('faults')}")


def claim_of(around: Surroundings) -> Claim:
    """A new claim for the station. Its code is shown once."""
    return Claim.parse(around.desk.claim(STATION))
