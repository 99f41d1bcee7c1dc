"""A person at the station: answers each view from a table (the story), with hands on the bench, and may turn awkward.

Implements `kiosk.ports.Screen` in memory. It answers only what the view offers: a button that is there, a code that the pad
would take. At one question the person may cancel, walk away, pull the card or swap it; from then on a view that the
story does not foresee is answered as anybody would who wants to leave.

>>> story = {"pickup.who": "old_card", "pickup.insert_old": puts("1:old"), "pickup.pin_old": ["12345678", "70418352"]}
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drivers.reader.secret import Secret
from kiosk.barcodes import EnvelopeCode, OrderCode, parse_scan
from kiosk.ports import Activity
from kiosk.views import (
    CANCEL,
    Await,
    Board,
    Busy,
    Choose,
    Confirm,
    EnterCode,
    EnterDigits,
    EnterText,
    ReaderDrawing,
    Tell,
    View,
)
from kiosk.walk.screen import wait_for_ever
from sim.bench.virtual_bench import BenchMoveError, VirtualBench
from sim.stories.clock import HandClock

StoryAction = str | Callable[["Person"], str | None]
"""An answer, or what hands do: then the answer is what it returns, None where a device answers."""
Story = Mapping[str, StoryAction | Sequence[StoryAction]]
Trouble = Literal["cancel", "leave", "pull", "swap"]
AWAY_S = 400.0
"""Longer than any question waits, warning included."""
PATIENCE = 60
"""After so many questions anybody walks away: no errand goes round for ever."""
STRANGER = "10:old"
"""The card that a swap puts in."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """Trouble that the person makes at the question number `at`, counted from 1."""

    at: int
    trouble: Trouble


class Person:
    """See the module. `shown` are all views, in order; `typed` every code, by view."""

    def __init__(
        self, world: VirtualBench, clock: HandClock, story: Story, interruption: Interruption | None = None
    ) -> None:
        self.world = world
        self.clock = clock
        self.shown: list[View[Any]] = []
        self.typed: list[tuple[str, str]] = []
        self.warned: list[str] = []
        self.asked = 0
        self.more_time: deque[bool] = deque()
        """Answers to the next warnings; False when used up."""
        self.failure: AssertionError | None = None
        """What the story did not foresee."""
        self.touch: Activity = lambda: None
        self._story = {name: deque([action] if isinstance(action, str) or callable(action) else action)
                       for name, action in story.items()}  # fmt: skip
        self._interruption = interruption or Interruption(at=-1, trouble="leave")
        self.awkward = False
        """From here on anything may be asked; what the story does not foresee is left by the way out."""
        self._away = False
        self.in_vain = False
        """No slot says that its card was taken: whoever waits for that walks away in the end."""
        self.befalls: Callable[[int], None] = lambda at: None
        """Told the number of each question before it is answered: what befalls the station then."""

    patience = 1.0

    @property
    def names(self) -> list[str]:
        """The questions and notices that were seen, in order."""
        return [view.name for view in self.shown]

    @property
    def questions(self) -> list[str]:
        """Names of the views that waited for the person, in order."""
        return [view.name for view in self.shown if not isinstance(view, Busy)]

    def set_activity(self, notice: Activity) -> None:
        self.touch = notice

    async def warn(self, view: View[Any], seconds: float) -> bool:
        """Take more time where the test says so."""
        self.warned.append(view.name)
        return self.more_time.popleft() if self.more_time else False

    async def show(self, view: View[Any]) -> Any:
        self.shown.append(view)
        if isinstance(view, Busy):
            return await wait_for_ever()
        self.asked += 1
        self.befalls(self.asked)
        answer = self._answer(view)
        if answer is None and self.in_vain and isinstance(view, Await) and not isinstance(view.drawing, ReaderDrawing):
            self.clock.advance(AWAY_S)
        return await wait_for_ever() if answer is None else answer

    def _answer(self, view: View[Any]) -> Secret | str | None:
        try:
            answer = self._troubled(view) if self._due() else None
            if self._due() and self._interruption.trouble in ("pull", "swap") and view.needs_card:
                return None  # stands there with the card in the hand: the station must see it
            if answer is None and not self._away:
                answer = self._answer_of_story(view)
            if answer is None and self._away:
                self.clock.advance(AWAY_S)
            return None if answer is None else self._given(view, answer)
        except (AssertionError, BenchMoveError) as error:
            if not self.awkward:
                self.failure = self.failure or AssertionError(f"at {view.name}: {error}")
            self._away = True
            self.clock.advance(AWAY_S)
            return None

    def _due(self) -> bool:
        return self._interruption.at == self.asked

    def _troubled(self, view: View[Any]) -> str | None:
        self.awkward = True
        match self._interruption.trouble:
            case "leave":
                self._away = True
            case "cancel":
                return self._leave_by_button(view)
            case "pull":
                if self.card_in("holder"):
                    self.world.remove("holder")
            case "swap":
                if self.card_in("holder"):
                    self.world.remove("holder")
                    self.world.insert(STRANGER, "holder")
        return None

    def _answer_of_story(self, view: View[Any]) -> str | None:
        """Return what the story says of this view; where it says nothing, the way out."""
        actions = self._story.get(view.name)
        assert self.awkward or self.asked <= PATIENCE, "the errand goes round and round"
        if actions:
            action = actions[0] if len(actions) == 1 and not self.awkward else actions.popleft()
            return action if isinstance(action, str) else action(self)
        assert self.awkward, "the story does not foresee this view"
        return self._leaving(view)

    def _leaving(self, view: View[Any]) -> str | None:
        if self.asked > PATIENCE:
            self._away = True
        elif isinstance(view, Await):
            if isinstance(view.drawing, ReaderDrawing) and view.drawing.motion == "out":
                self.world.remove(view.drawing.which)
            else:
                self._away = True
        elif isinstance(view, Board):
            self.world.remove("administrator" if self.card_in("administrator") else "holder")
        elif isinstance(view, Tell) and view.way_out is None and view.primary is not None:
            return view.primary.value
        else:
            return _way_out(view)
        return None

    def _leave_by_button(self, view: View[Any]) -> str | None:
        """Take the way out; where the story says the same here, count it as said."""
        value, following = _way_out(view), self._story.get(view.name, deque())
        if len(following) > 1 and following[0] == value:
            following.popleft()
        return value

    def _given(self, view: View[Any], value: str) -> Secret | str:
        """The answer, if the view would take it."""
        buttons = {button.value for button in (view.way_out, view.side, view.primary) if button is not None}
        if value in buttons:
            return value
        match view:
            case EnterCode():
                assert view.min_length <= len(value) <= view.max_length, "the pad would not take a code of that length"
                assert view.policy is None or view.policy.accepts(value), "the pad would not take that code"
                self.typed.append((view.name, value))
                return Secret(value)
            case EnterText():
                assert view.at_least <= len(value) <= view.at_most, "the keyboard would not take that text"
            case EnterDigits():
                code = view.codes and isinstance(parse_scan(value), OrderCode | EnvelopeCode)
                assert code or view.takes(value), "digits only"
            case Choose():
                assert value in {option.value for option in view.options if option.reason is None}, (
                    f"there is no {value!r}"
                )
            case Board():
                assert value in {button.value for button in view.actions}, f"there is no {value!r}"
            case _:
                raise AssertionError(f"there is no button {value!r}")
        return value

    def card_in(self, reader: str) -> bool:
        """Return whether a card is in that reader."""
        return self.world.slots[reader].card is not None


def puts(card: str, reader: str = "holder", *, upside_down: bool = False) -> StoryAction:
    """Put a card in, in place of what may be there."""

    def action(person: Person) -> None:
        if person.card_in(reader):
            person.world.remove(reader)
        person.world.insert(card, reader, upside_down=upside_down)

    return action


def pulls(reader: str = "holder") -> StoryAction:
    def action(person: Person) -> None:
        person.world.remove(reader)

    return action


def pulls_lit(person: "Person") -> None:
    """Pull the card out of the reader that the view lights."""
    drawing = person.shown[-1].drawing
    assert isinstance(drawing, ReaderDrawing)
    assert drawing.motion == "out"
    person.world.remove(drawing.which)


def takes(slot: int) -> StoryAction:
    """Take the card out of the open slot and close the door."""

    def action(person: Person) -> None:
        if slot in person.world.cabinet.cards:
            person.world.take(slot)
        person.world.close_door(slot)

    return action


def puts_back(slot: int, card: str) -> StoryAction:
    """Put a card into the open slot and close the door."""

    def action(person: Person) -> None:
        if person.world.slots["holder"].card is not None:
            person.world.remove("holder")
        if slot not in person.world.cabinet.cards:
            person.world.put(slot, card)
        person.world.close_door(slot)

    return action


def drops(card: str) -> StoryAction:
    """Push a card through the flap."""

    def action(person: Person) -> None:
        person.world.drop(card)

    return action


def jams(card: str) -> StoryAction:
    """Push a card in and hold the flap until the watch is over."""

    def action(person: Person) -> None:
        person.world.hold_flap()
        person.world.drop(card)
        asyncio.get_running_loop().call_soon(person.clock.advance, 61.0)

    return action


def first(*actions: Callable[[Person], object], then: str | None = None) -> StoryAction:
    """Do one thing after the other, and then answer."""

    def action(person: Person) -> str | None:
        for action in actions:
            action(person)
        return then

    return action


def lingers(seconds: float) -> Callable[[Person], None]:
    """Stay at the question for so long, and touch the screen now and then: no time-out ends it."""

    def action(person: Person) -> None:
        person.clock.advance(seconds)
        person.touch()

    return action


def leaves(person: Person) -> None:
    """Walk away from the question."""
    person.clock.advance(AWAY_S)


def _way_out(view: View[Any]) -> str | None:
    offered = [b.value for b in (view.way_out, view.side) if b is not None]
    if CANCEL in offered:
        return CANCEL
    if offered:
        return offered[0]
    return view.primary.value if isinstance(view, (Tell, Confirm)) and view.primary is not None else None
