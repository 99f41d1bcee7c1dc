"""Time of a visit: a keystroke-level model of the person (Card, Moran, Newell 1980), and 30 ms for each exchange with the card.

A story of the errand is played as its tests play it, on cards with the traits of real products. Counted are what is read, touched
and carried, and what passes at every card. Nothing of it has been timed with a person.

| operator | seconds | from |
|---|---|---|
| deciding, a view | 1.35 | M of the model |
| a button | 1.1 | P: pointing |
| a digit of a code | 0.75 | K: typing complex codes |
| a card put in, taken out, a document shown | 3 | an estimate |
| an exchange | 0.03 | a card over T=0 takes 10 to 50 ms |

The model has nobody read. Beside it stands the time of somebody who reads every title and lead: 0.25 s a word, 238 words a
minute in silence (Brysbaert 2019).
"""

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benches.figures import CannotMeasureError, Figure, with_limit
from drivers.reader.secret import Secret
from kiosk.errands.unblock.stories import STORIES
from kiosk.texts import Texts
from kiosk.views import Await, EnterCode, EnterDigits, View
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.stories.clock import NOW
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.person import Person
from sim.stories.room import Room, authority

WORD_S, DECISION_S, BUTTON_S, DIGIT_S, HAND_S, EXCHANGE_S = 0.25, 1.35, 1.1, 0.75, 3.0, 0.03
PLAIN: tuple[str, ...] = ()
SWEDISH = ("padded-files", "no-sfi", "t0", "trusted-list")
"""What is known of the cards that are handed out here: T=0 alone, files longer than their content."""
CARDS = {"as its kind": PLAIN, "T=0, padded, no short identifiers": SWEDISH}
VISITS = {
    "unlock": ("unblock: with the envelope", 60.0),
    "attended unlock": ("unblock: no envelope, and the card's own key answers", 120.0),
}
"""The story of each, and the seconds that it may take."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Work that a visit asks of a person and of the cards."""

    views: int
    words: int
    buttons: int
    digits: int
    hands: int
    exchanges: int

    @property
    def touches(self) -> int:
        return self.buttons + self.digits

    @property
    def seconds(self) -> float:
        """By the model."""
        person = self.views * DECISION_S + self.buttons * BUTTON_S + self.digits * DIGIT_S
        return person + self.hands * HAND_S + self.exchanges * EXCHANGE_S

    @property
    def seconds_reading(self) -> float:
        """Seconds of a visit where every word is read."""
        return self.seconds + self.words * WORD_S


class CountedPerson(Person):
    """A person whose answers are kept."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.given: list[tuple[View[Any], str]] = []

    def _given(self, view: View[Any], value: str) -> Secret | str:
        self.given.append((view, value))
        return super()._given(view, value)


def measure() -> Iterator[Figure]:
    """A visit of each kind with each card. Raises CannotMeasureError where a story ends otherwise than it should."""
    stories = {story.title: story for story in STORIES}
    for visit, (title, most) in VISITS.items():
        for card, traits in CARDS.items():
            counted = asyncio.run(count(stories[title], traits))
            note = (
                f"{counted.touches} touches, {counted.views} views, {counted.hands} things carried, "
                f"{counted.exchanges} exchanges; {counted.seconds_reading:.0f} s where all {counted.words} words are read"
            )
            yield with_limit(Figure(f"visit: {visit}, {card}", counted.seconds, "s", note), most)


async def count(story: ErrandStory, traits: tuple[str, ...]) -> Visit:
    """Play the story, its cards with those traits. Raises CannotMeasureError."""

    def prepare(room: Room) -> None:
        for name in story.setting.hand:
            made = room.world.card(name)
            memory = fresh_memory(made.kind, made.persona, authority(), NOW, made.memory.keys, traits)
            room.world.cards[name] = VirtualCard(memory)
        story.prepare(room)

    with tempfile.TemporaryDirectory() as folder:
        room, someone, ended = await play(Path(folder), replace(story, prepare=prepare), person=CountedPerson)
        await room.close()
    if (ended.outcome, ended.reason) != (story.outcome, story.reason) or not isinstance(someone, CountedPerson):
        raise CannotMeasureError(f"the visit ended as {ended}: {someone.failure}")
    return counted_visit(someone)


def counted_visit(someone: CountedPerson) -> Visit:
    questions = [view for view in someone.shown if view.name in set(someone.questions)]
    typed = [(view, value) for view, value in someone.given if isinstance(view, EnterCode | EnterDigits)]
    texts = Texts.load()
    lines = (line for view in questions for line in (view.title, *view.lead))
    return Visit(
        views=len(questions),
        words=sum(len(texts.plain(line, "sv").split()) for line in lines),
        buttons=len(someone.given),
        digits=sum(len(value) for _, value in typed if value.isdigit()),
        hands=sum(isinstance(view, Await) for view in questions),
        exchanges=sum(len(card.log) for card in someone.world.cards.values()),
    )
