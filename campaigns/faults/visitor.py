"""A person who lives through a fault, and comes back: follows a story, and types the code that the screens have said applies.

Where the story foresees nothing the person leaves by the way out, as anybody would. Codes are typed as the person knows them:
after "nobody knows which of the two" the one and then the other.
"""

from dataclasses import dataclass, field
from typing import Any

from kiosk.ports import Ended
from kiosk.views import Choose, EnterCode, Say, View
from sim.bench.virtual_bench import VirtualBench
from sim.reader.personas import person
from sim.stories.clock import HandClock
from sim.stories.person import Person, Story
from sim.stories.room import OLD_PIN
from sim.stories.setting import NEW_PIN

THIRD_PIN = "50637281"
"""What is chosen by somebody whose code is `NEW_PIN` already."""
TWICE = 2
_NEW = ("new_pin", "repeat_pin")
_FIXED = ("puk", "puk_wrong", "pin_administrator")


@dataclass
class Knowledge:
    """Codes that one person knows, by the card's name: those that may apply, the likeliest first."""

    codes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, card: str) -> tuple[str, ...]:
        return self.codes.get(card) or (first_code(card),)


def first_code(card: str) -> str:
    """The code of a card as it was issued."""
    number, _, which = card.partition(":")
    if which == "old" or number in ("13", "14"):
        return OLD_PIN
    return person(int(number)).new.pin


class Visitor(Person):
    """See the module."""

    def __init__(
        self, world: VirtualBench, clock: HandClock, story: Story, knows: Knowledge, *, persists: bool = False
    ) -> None:
        """`persists`: goes on wherever a screen offers to, also where the story does not foresee it."""
        super().__init__(world, clock, story)
        self.knows = knows
        self._persists = persists
        self.awkward = True
        self.chosen: str | None = None
        """The new code that was typed in this visit."""
        self._actions: dict[str, list[Any]] = {
            name: [act] if isinstance(act, str) or callable(act) else list(act) for name, act in story.items()
        }
        self._tried = 0
        self.used: set[str] = {"1:new", "1:old", "13:new", "14:new"}
        """Cards that may have been used in this visit."""

    def _answer_of_story(self, view: View[Any]) -> str | None:
        last = view.name.rpartition(".")[2]
        if isinstance(view, EnterCode) and last not in _FIXED:
            return self._code(view, last)
        if last.endswith("wrong"):
            self._tried += 1
        return self._action(view)

    def _action(self, view: View[Any]) -> str | None:
        """Return what the story says; of a choice the next one that there is."""
        actions = self._actions.get(view.name)
        if not actions:
            return self._going_on(view) or self._leaving(view)
        action = actions[0] if len(actions) == 1 else actions.pop(0)
        if callable(action):
            return action(self)
        if isinstance(view, Choose) and action not in _choices(view):
            return self._action(view) if len(actions) > 1 or actions[0] != action else self._leaving(view)
        return action

    def _code(self, view: View[Any], last: str) -> str | None:
        card = self.world.in_reader.get("holder")
        pins = self.knows.of(card) if card else (OLD_PIN,)
        if last in _NEW:
            self.chosen = self.chosen or (THIRD_PIN if pins[0] == NEW_PIN else NEW_PIN)
            return self.chosen
        if self.chosen and last in ("sign_pin", "check_code", "pin_new"):
            return self.chosen
        if self._tried >= len(pins):
            return self._leaving(view)
        return pins[self._tried]

    def _going_on(self, view: View[Any]) -> str | None:
        """The button that the screen suggests; whoever has been shown it twice already leaves."""
        button = getattr(view, "primary", None)
        often = self.names.count(view.name) > TWICE
        return button.value if self._persists and button is not None and not often else None

    def learn(self, ended: Ended | None, card: str, written: bool) -> None:
        """Take in what the screens said of that card's code. `ended` None: the station died, and said nothing."""
        before = self.knows.of(card)
        if self.chosen is None:
            return
        match told_code(self.shown, ended, written=written):
            case "new":
                self.knows.codes[card] = (self.chosen,)
            case "unknown":
                self.knows.codes[card] = tuple(dict.fromkeys((self.chosen, *before)))


def _choices(view: Choose) -> set[str]:
    buttons = {button.value for button in (view.way_out, view.side, view.primary) if button is not None}
    return buttons | {option.value for option in view.options if option.reason is None}


SAY_OF_THE_CODE = {
    "closing.pulled.safe": "before",
    "closing.pulled.new": "new",
    "closing.pulled.unknown": "unknown",
    "closing.code.new": "new",
    "closing.code.unknown": "unknown",
    "stop.torn_in_test.lead": "new",
    "stop.test_failed.lead": "new",
    "stop.unsigned.lead": "new",
    "stop.card_gone.title": "unknown",
}
"""What the last sentences of an errand that did not come to its good end say of the code."""


def told_code(shown: list[View[Any]], ended: Ended | None, *, written: bool) -> str:
    """Return which code the screens of an errand said applies: `before`, `new` or `unknown`. `written`: its good end sets one."""
    if ended is None:
        return "unknown"
    for view in reversed(shown):
        for key in _keys(view):
            if key in SAY_OF_THE_CODE:
                return SAY_OF_THE_CODE[key]
    return "new" if written and ended.outcome == "done" else "before"


def _keys(view: View[Any]) -> list[str]:
    texts = (getattr(view, "title", None), *getattr(view, "lead", ()))
    return [text.key for text in texts if isinstance(text, Say)]
