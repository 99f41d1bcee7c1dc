"""Every errand's stories on cards of every shape, as a list: how they end there, beside their ends on a card with one pair.

    python -m tests.fakes.cards.shaped_errands                      # all (`make refused-walks` does)
    python -m tests.fakes.cards.shaped_errands siths pickup D       # those shapes, errands and kinds of card

All cards of a story have the shape, the administrators' too. The exit code is 1 where a story ends otherwise than it may, where a
station calls a true card false, or where a personal identity number was written.
"""

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kiosk.screens.speech import view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from kiosk.views import Choose
from sim.reader.shapes import OTHER_EMPLOYER, SHAPES
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.foreign_stories import ForeignCard
from sim.stories.person import Person, Story
from sim.stories.room import Room, authority, quick_folder
from tests.fakes.cards.sinks import personal_data
from tests.kiosk.errands.faulty import every_story

SEED = 31
ONE_PAIR = "one-pair"
SHAPED = tuple(name for name in SHAPES if name not in (ONE_PAIR, "two-employers"))
"""Shapes on which every story is told. Where there are two employers an errand asks for which: that has tests of its own."""
KINDS = ("B", "D")
"""Of the holder's cards: PKCS#15 and PIV."""


ERRANDS = frozenset(tale.errand for tale in every_story())
WORDS = ScreenTexts(Texts.load(), "sv")


_OLDER_MAY_GO = {
    "renew_certificate: it lasts long still": "timed_out (at renew_certificate.again: the story does not foresee this view)"
}
"""Beside a certificate that lasts long lies an older one, which is offered to be taken off."""
_MORE_TO_GO = {"left": "more old ones are offered than the story takes off, and the first ones go"}
_TOO_LONG = {"left": "the list of certificates is too long to take an early one off in one write, which is said"}
OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "old-ca": _OLDER_MAY_GO,
    "six": _OLDER_MAY_GO | _TOO_LONG,
    "expired-beside": _OLDER_MAY_GO | _MORE_TO_GO,
    "authorities": _TOO_LONG,
    "same-keys": {
        "old_is": "the old one stays: its key has another certificate, and one is never taken for the other",
    },
}
"""By shape and title of a story: another end that is right there; by the name of a story's check: why it does not hold there."""


@dataclass(frozen=True)
class Told:
    """How a story went. `wrong`: rules that were broken in it."""

    title: str
    shape: str
    end: str
    wrong: tuple[str, ...]


def of_kind(tale: ErrandStory, kind: str) -> ErrandStory | None:
    """The same story with such cards of the holder's; None where it is not for them."""
    card = ForeignCard(kind, ())
    if kind == "B":
        return tale
    return card.tell(tale) if card.suits(tale) else None


def shaped(tale: ErrandStory, shape: str) -> ErrandStory:
    """The same story where all cards have that shape. Who is asked for which employer they act takes the one of the story,
    and who is told that an old certificate stays goes on."""

    def story() -> Story:
        return {f"{tale.errand}.employer": _own_employer, f"{tale.errand}.stays": "next", **tale.story()}

    return replace(tale, story=story, setting=replace(tale.setting, shape=shape))


def _own_employer(someone: Person) -> str:
    view = someone.shown[-1]
    assert isinstance(view, Choose)
    return next(option.value for option in view.options if not option.value.startswith(OTHER_EMPLOYER))


def drawn(title: str) -> str:
    """A shape for the case of that title, the same each time."""
    return random.Random(f"{SEED} {title}").choice(SHAPED)


async def tell(tale: ErrandStory, shape: str) -> Told:
    """Tell the story with cards of that shape; whoever lives it walks away where it foresees nothing, and says so."""
    with tempfile.TemporaryDirectory() as slow, quick_folder(Path(slow)) as folder:
        room, someone, ended = await play(folder, shaped(tale, shape))
        try:
            wrong = [*called_false(someone, await room.told()), *await personal_traces(room, someone)]
            wrong += left_otherwise(tale, room)
        finally:
            await room.close()
    end = " ".join(filter(None, (ended.outcome, ended.reason, someone.failure and f"({someone.failure})")))
    return Told(tale.title, shape, end, tuple(dict.fromkeys(wrong)))


def left_otherwise(tale: ErrandStory, room: Room) -> list[str]:
    """What the story's own check finds wrong with what is left behind."""
    try:
        tale.check(room)
    except (AssertionError, LookupError, ValueError) as rule:
        return [f"{tale.check.__qualname__.partition('.')[0]}: {str(rule).partition(chr(10))[0]}"]
    return []


def called_false(someone: Person, events: Sequence[str]) -> list[str]:
    """Views and events that call a card false."""
    return [name for name in (*someone.names, *events) if "genuine" in name]


async def personal_traces(room: Room, someone: Person) -> list[str]:
    """Where a personal identity number of any card, or a certificate with one, is written, shown, spoken or printed."""
    cards = room.world.cards.values()
    sought = personal_data(
        (key.certificate for card in cards for key in card.keys), (*authority().intermediates(), *authority().anchors())
    )
    sinks = {
        "database": (await room.written()).encode(),
        **{f"event {event.type}": event.data for event in await room.chain()},
    }
    for view in someone.shown:
        sinks[f"view {view.name}"] = repr((view, view_phrases(view, WORDS, private=True))).encode()
    return [f"{sink}: {form}" for sink, data in sinks.items() for form in sought.traces_in(data)]


def difference(told: Told, usual: Told) -> str:
    """How a story went otherwise than on a card with one pair, and which rules it broke; empty where it did neither, or may."""
    may = OTHERWISE.get(told.shape, {})
    ended = [] if told.end in (usual.end, may.get(told.title)) else [f"{told.end}, not {usual.end}"]
    broken = (rule for rule in told.wrong if rule not in usual.wrong and rule.partition(":")[0] not in may)
    return "; ".join((*ended, *broken))


async def main(words: Sequence[str]) -> int:
    """Print the list. Gives the exit code."""
    told = set(words)
    kinds, shapes = ([one for one in all_ if one in told] or all_ for all_ in (KINDS, SHAPED))
    tales = [tale for tale in every_story() if not told & ERRANDS or tale.errand in told]
    faults = 0
    for errand in dict.fromkeys(tale.errand for tale in tales):
        for kind in kinds:
            own = [made for tale in tales if tale.errand == errand if (made := of_kind(tale, kind)) is not None]
            faults += await _errand(errand, kind, own, shapes)
    print(f"\n{faults} stories went otherwise than on a card with one pair, or broke a rule.")
    return 1 if faults else 0


async def _errand(errand: str, kind: str, tales: Sequence[ErrandStory], shapes: Sequence[str]) -> int:
    usual = {tale.title: await tell(tale, ONE_PAIR) for tale in tales}
    ends = Counter(told.end.partition(" ")[0] for told in usual.values())
    print(
        f"\n{errand}, kind {kind}: {len(tales)} stories, {', '.join(f'{end} {n}' for end, n in sorted(ends.items()))}"
    )
    alike, lines = [], []
    for shape in shapes:
        told = {tale.title: await tell(tale, shape) for tale in tales}
        other = [
            f"  {shape:18} {title}: {line}" for title, one in told.items() if (line := difference(one, usual[title]))
        ]
        lines += other
        alike += [] if other else [shape]
    print("\n".join([f"  as with one pair:  {', '.join(alike) or 'none'}", *lines]), flush=True)
    return len(lines)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
