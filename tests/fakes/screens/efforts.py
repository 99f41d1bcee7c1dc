"""Stories whose touches are counted, from the home screen on, and a keystroke-level model of the time that they take.

The seconds are a model of hands and eyes (as of Card, Moran and Newell), not a measurement: they hold the journeys to few
questions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sim.reader.personas import person
from sim.stories.errand_stories import ErrandStory, nothing
from sim.stories.own_card import MINE, WRONG_PUK, locked
from sim.stories.person import Person, Story, pulls, puts
from sim.stories.room import persona_of
from sim.stories.setting import Setting, own_card

QUESTION_S, DIGIT_S, CARD_S, MACHINE_S = 4.0, 0.6, 5.0, 12.0
"""To read a screen and touch it; a digit of the pad; to read a screen and move a card; all that the machine does meanwhile."""
OLD_CODE, CODE = "246813", "314159"
OWN = Setting(slots={}, hand=(MINE,), orders=())


def model_seconds(questions: int, digits: int, moves: int) -> float:
    """What an errand takes somebody who makes no mistake: screens that are touched, digits, and cards that are moved."""
    return QUESTION_S * questions + DIGIT_S * digits + CARD_S * moves + MACHINE_S


@dataclass(frozen=True, slots=True)
class Effort:
    """A story that begins on the home screen, and the touches that it may take."""

    story: ErrandStory
    most: int


def _unlock(**wrong: str) -> Callable[[], Story]:
    """With the card put in on the home screen, and its letter at hand. `wrong`: another PUK is typed first."""
    menu = {"home": puts(MINE), "home.card": "unblock", "unblock.insert": _stays}
    return lambda: {**menu, **_with_letter(**wrong)}


def _unlock_by_tile() -> Story:
    """The tile is touched first, and the card put in once it is asked for."""
    return {"home": "unblock", "unblock.insert": puts(MINE), **_with_letter()}


def _with_letter(**wrong: str) -> Story:
    steps = {"puk": person(1).old.puk, "new_pin": CODE, "repeat_pin": CODE, "write": "write", "done": "end"} | wrong
    return {**{f"unblock.{view}": action for view, action in steps.items()}, "closing.take_card": pulls()}


def _stays(_: Person) -> None:
    """The card is in already."""


def _pick_up(printed: str) -> Callable[[], Story]:
    """With the own old card and the letter."""
    chosen = {"pin_old": OLD_CODE, "new_pin": CODE, "repeat_pin": CODE}
    return lambda: {"home": "pickup", **own_card(printed=printed, **chosen)}


def _effort(title: str, errand: str, story: Callable[[], Story], most: int) -> Effort:
    own = persona_of(MINE)
    setting, prepare = (OWN, locked) if errand == "unblock" else (Setting(), nothing)
    changed = {MINE: replace(own, pin=OLD_CODE)}
    return Effort(
        ErrandStory(f"effort: {title}", errand, story, replace(setting, changed=changed), prepare=prepare), most
    )


NUMBER = person(1).new.card_number
EFFORTS = (
    _effort("unlock with the letter", "unblock", _unlock(), 26),
    _effort("unlock with the letter, by the home screen's tile", "unblock", _unlock_by_tile, 26),
    _effort(
        "unlock after one wrong PUK", "unblock", _unlock(puk=WRONG_PUK, puk_wrong=person(1).old.puk), 26 + 9
    ),
    _effort("pick up with the old card", "pickup", _pick_up(NUMBER[-8:]), 45),
    _effort("pick up with a scanner", "pickup", _pick_up(NUMBER), 40),
)  # fmt: skip
"""The touches that are promised."""
