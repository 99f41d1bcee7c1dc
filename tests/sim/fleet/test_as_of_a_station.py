"""What a simulated errand tells is what a real station tells: types of events, effects, outcomes, fields and the types of values.

Real are the stories of `tests.fakes`, which run whole errands on a station's journal, on virtual cards.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome, lookup
from kiosk.errands.pickup.stories import PICKUP_STORIES, PickupStory
from sim.fleet.errands import EFFECTS, KINDS, OUTCOMES, errand
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.person import Interruption, Person
from sim.stories.room import quick_folder
from sim.stories.setting import room_for

Shape = tuple[str, str, str, str, frozenset[tuple[str, str]]]
"""Errand, type of the event, effect, outcome, and each field with the type of its value; of an end, without the errand."""
ENDS = ("cancel", "leave", "pull")


def shape_of(kind: str, event_type: str, content: dict[str, Any]) -> Shape:
    """What two events have in common that tell the same of different people."""
    fields = frozenset((field, type(value).__name__) for field, value in content.items())
    of_all = event_type in (EventType.ERRAND_STARTED, EventType.ERRAND_ENDED)
    return "" if of_all else kind, event_type, content.get("effect", ""), content.get("outcome", ""), fields


def shapes_of(chain: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[Shape]:
    """The events of errands, each with the errand that it belongs to."""
    kinds: dict[str, str] = {}
    for event_type, content in chain:
        if event_type == EventType.ERRAND_STARTED:
            kinds[content["errand"]] = content["kind"]
        if "errand" in content:
            yield shape_of(kinds[content["errand"]], event_type, content)


def one_of_each() -> list[ErrandStory]:
    """A story of each errand that is simulated, for each way in which it may end."""
    found = {
        (tale.errand, tale.outcome, bool(tale.reason), tale.events): tale
        for tale in errand_stories()
        if tale.errand in KINDS
    }
    return list(found.values())


@pytest.fixture(scope="module")
def of_stations(tmp_path_factory: pytest.TempPathFactory) -> set[Shape]:
    """What stations tell in these stories, and of the errands that people break off."""
    with quick_folder(tmp_path_factory.mktemp("stations")) as folder:
        return asyncio.run(told_by_stations(folder))


async def told_by_stations(folder: Path) -> set[Shape]:
    seen: set[Shape] = set()
    for number, tale in enumerate(one_of_each()):
        seen |= await told_in(folder / f"{number}", tale)
    broken_off = next(tale for tale in errand_stories() if tale.errand == "change_pin" and tale.troubled)
    for trouble in ENDS:
        for at in (2, 3):
            seen |= await told_in(folder / f"{trouble}-{at}", broken_off, Interruption(at, trouble))
    hand_over = PICKUP_STORIES[0]
    for name, interruption in (
        ("done", None),
        ("cancel", Interruption(12, "cancel")),
        ("leave", Interruption(12, "leave")),
    ):
        seen |= await told_at_hand_over(folder / name, hand_over, interruption)
    given_up = next(
        tale for tale in PICKUP_STORIES if tale.reason == "no_envelope" and tale.events and len(tale.events) > 2
    )
    seen |= await told_at_hand_over(folder / given_up.reason, given_up, None)
    return seen


async def told_in(folder: Path, tale: ErrandStory, interruption: Interruption | None = None) -> set[Shape]:
    room, _, _ = await play(made(folder), tale, interruption)
    try:
        return set(shapes_of((event.type, event.content()) for event in await room.chain()))
    finally:
        await room.close()


async def told_at_hand_over(folder: Path, tale: PickupStory, interruption: Interruption | None) -> set[Shape]:
    room = room_for(made(folder), tale.setting)
    story = {f"pickup.stop.{tale.reason}": "end", **tale.story()} if tale.reason else tale.story()
    try:
        await room.errand(Person(room.world, room.clock, story, interruption))
        return set(shapes_of((event.type, event.content()) for event in await room.chain()))
    finally:
        await room.close()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_the_simulator_tells_a_station_tells_too(of_stations: set[Shape]) -> None:
    """An effect of unknown outcome has the fields of that effect, but for the outcome: the journal writes both alike."""
    unknown = {
        (kind, EventType.EFFECT_UNKNOWN, effect, "", frozenset(field for field in fields if field[0] != "outcome"))
        for kind, event_type, effect, _, fields in of_stations
        if event_type == EventType.EFFECT_DONE
    }
    ended = {
        fields
        for _, event_type, _, outcome, fields in of_stations
        if event_type == EventType.ERRAND_ENDED and outcome != ErrandOutcome.DONE
    }
    random = Random(4)
    simulated = {
        shape
        for number in range(2000)
        for shape in shapes_of(
            (told.type, json.loads(json.dumps(told.content))) for told in errand(random, "sim-00001", number)
        )
    }
    strange = {
        shape
        for shape in simulated - of_stations - unknown
        if not (shape[1] == EventType.ERRAND_ENDED and shape[3] in OUTCOMES and shape[4] in ended)
    }
    assert strange == set()
    assert {shape[0] for shape in simulated} >= set(EFFECTS)


def test_what_stations_tell_is_in_the_vocabulary(of_stations: set[Shape]) -> None:
    assert len(of_stations) > 50
    assert {shape[1] for shape in of_stations} <= set(EventType)
    assert {shape[2] for shape in of_stations} <= {"", *Effect}
    for _, event_type, _, outcome, _ in of_stations:
        vocabulary = ErrandOutcome if event_type == EventType.ERRAND_ENDED else Outcome
        assert not outcome or lookup(vocabulary, outcome), outcome
