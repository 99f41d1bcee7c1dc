"""Stories of every errand as tables: `stories.py` in each errand's folder, with a list `STORIES`. See `ErrandStory`."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fleet.messages.errand_catalog import catalog
from fleet.messages.vocabulary import EventType
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended
from sim.stories.aftermath import CODE_TOLD, open_intents
from sim.stories.person import Interruption, Person, Story
from sim.stories.room import Room
from sim.stories.setting import Setting, room_for

OWN = Setting(slots={}, hand=("1:old", "10:old"), orders=())
"""A holder with an own card and nothing that waits; `10:old` is what a swap puts in."""
OUTCOMES = {"done", "refused", "cancelled", "timed_out", "unknown", "interrupted", "fault"}
LAST_WORDS = ("closing.take_card", "home")


def nothing(room: Room) -> None:
    """The room as it is."""


@dataclass(frozen=True)
class ErrandStory:
    """One story of one errand, and its end. `prepare` changes the room before, `check` looks at what is left after."""

    title: str
    errand: str
    story: Callable[[], Story]
    setting: Setting = OWN
    outcome: str = "done"
    reason: str = ""
    events: tuple[str, ...] | None = None
    """The events between start and end, in short (`Room.told`)."""
    views: tuple[str, ...] = ()
    """Views that must have been seen, in this order."""
    prepare: Callable[[Room], None] = nothing
    check: Callable[[Room], None] = nothing
    troubled: bool = False
    """Rerun with a cancel, a walk-away, a pulled card and a swapped card at every question."""
    touched: bool = False
    """Played once more on the real window, by real touches."""
    reasons: frozenset[str] = field(default_factory=frozenset)
    """Reasons with which it may end then, beside its own and those that any errand may have."""


ANY_REASON = frozenset({"", "card_pulled", "unanswered", "card_gone", "torn_in_test"})


Befall = Callable[[Room, Person, int], None]


def errand_stories() -> list[ErrandStory]:
    stories: list[ErrandStory] = []
    for name in (*(f"kiosk.errands.{entry.id}.stories" for entry in catalog()), "sim.stories.switched_off"):
        stories += importlib.import_module(name).STORIES
    return stories


async def play(
    folder: Path, tale: ErrandStory, interruption: Interruption | None = None, befall: Befall | None = None,
    person: type[Person] = Person,
) -> tuple[Room, Person, Ended]:  # fmt: skip
    """Play a story in a room of its own; `befall` is told of room, person and number of each question. The caller closes
    the room."""
    room = room_for(folder, tale.setting)
    tale.prepare(room)
    someone = person(room.world, room.clock, tale.story(), interruption)
    if befall is not None:
        someone.befalls = lambda at: befall(room, someone, at)
    errand = next(candidate for candidate in ERRANDS if candidate.id == tale.errand)
    ended = await room.errand(someone, errand.journey, errand.id)
    return room, someone, ended


async def assert_ended_somehow(room: Room, someone: Person, ended: Ended, tale: ErrandStory, where: str) -> None:
    """Assert what must hold after every errand, whatever the person did in it."""
    assert ended.reason in ANY_REASON | tale.reasons | {tale.reason}, f"{ended} {where}"
    assert await ends_told(room) == [(ended.outcome, ended.reason)], where
    assert await open_intents(room) == 0, where
    if someone.card_in("holder"):
        assert "closing.take_card" in someone.names, where
    await assert_left_well(room, someone, ended, where)


async def ends_told(room: Room) -> list[tuple[str, str]]:
    """Return how the errand ended, as its events have it: once."""
    assert room.log is not None
    contents = [e.content() for e in await room.chain() if e.type == EventType.ERRAND_ENDED]
    return [(c["outcome"], c.get("reason", "")) for c in contents if c["errand"] == room.log.id]


async def assert_left_well(room: Room, someone: Person, ended: Ended, where: str, *, full: bool = False) -> None:
    """Nothing stands open untold or is written that must not be, and the last screen was true. `full`: nothing could be told."""
    assert ended.outcome in OUTCOMES, where
    assert room.world.cabinet.drop.locked, where
    assert full or room.world.cabinet.open_slot_number is None or "slot.close left_open" in await room.told(), where
    written = await room.written()
    assert not [view for view, code in someone.typed if code in written], f"a code was written {where}"
    _assert_true_screen(someone, ended, where)


def _assert_true_screen(someone: Person, ended: Ended, where: str) -> None:
    """The last thing that was said is what happened."""
    last = [name for name in someone.names if name not in LAST_WORDS][-1]
    if ended.reason == "card_pulled":
        assert last in ("closing.pulled", "closing.another_card"), where
        lead = someone.shown[someone.names.index("closing.pulled")].lead[0].key
        assert lead == f"closing.pulled.{CODE_TOLD.get(ended.outcome, 'safe')}", where
    elif ended.outcome in ("refused", "fault") or ended.reason in ("card_gone", "torn_in_test"):
        assert last.endswith((f".stop.{ended.reason}", f"closing.{ended.reason}", "closing.reader")) or (
            ended.reason == "torn_in_test" and last == "closing.pulled"
        ), where
