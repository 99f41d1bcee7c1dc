"""Errands on foreign cards drawn at random: which story, whether somebody turns awkward, and what must hold after it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import strategies as st

from drivers.reader.profiles.tables import least_floor
from kiosk.ports import Ended
from sim.reader.cards import VirtualCard
from sim.reader.code_traits import code_ways
from sim.reader.pkcs15_codes import StoredCode
from sim.stories.aftermath import open_intents
from sim.stories.errand_stories import ErrandStory, assert_left_well, ends_told, errand_stories, play
from sim.stories.foreign_stories import ForeignCard
from sim.stories.own_card import MINE
from sim.stories.person import Interruption, Person, StoryAction, Trouble
from sim.stories.room import Room, persona_of
from tests.fakes.cards.foreign import traits_of

ERRANDS = frozenset(
    {"change_pin", "unblock", "check_card", "renew_certificate", "reserve_certificate", "clean_up", "report_lost"}
)
"""Those in which the holder's own card is worked with."""
STORIES = {tale.title: tale for tale in errand_stories() if tale.errand in ERRANDS and tale.setting.kind == "B"}
NEVER = frozenset({"crash", "test_failed"})
"""Reasons for which an errand never ends: the cards are strange, and none of them is broken."""
PUK = persona_of(MINE).puk
TROUBLES: list[Trouble] = ["cancel", "leave", "pull", "swap"]


@dataclass(frozen=True)
class ErrandCase:
    """A card, whether the station has a profile of its product, a story by its title, and where somebody turns awkward."""

    kind: str
    traits: tuple[str, ...]
    described: bool
    title: str
    interruption: Interruption | None


@st.composite
def errand_cases(draw: st.DrawFn) -> ErrandCase:
    """A story that may be told of the card."""
    kind, traits = draw(traits_of().filter(lambda card: bool(card[1])))
    titles = [
        title for title, tale in STORIES.items() if ForeignCard("B", ()).suits(tale) and _has_as_many_pins(kind, tale)
    ]
    trouble = st.builds(Interruption, st.integers(1, 12), st.sampled_from(TROUBLES))
    return ErrandCase(
        kind, traits, draw(st.booleans()), draw(st.sampled_from(titles)), draw(st.none() | st.none() | trouble)
    )


def _has_as_many_pins(kind: str, tale: ErrandStory) -> bool:
    return kind == "B" or not any(persona.signature_pin for persona in tale.setting.changed.values())


@dataclass
class ErrandCourt:
    """Sees each try that a card counts in an errand. `broken` are the rules that were broken."""

    card: VirtualCard
    someone: Person
    wrong: int = 0
    full: bool = True
    """No PUK was mistyped elsewhere, which many cards tell nobody."""
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        codes, original = self.card.codes, self.card.codes.tried
        self.full = codes.puk.tries_left == codes.puk.tries_max

        def tried(code: StoredCode, *, right: bool) -> bool:
            self.wrong += not right
            self._sees(code)
            return original(code, right=right)

        codes.tried = tried  # type: ignore[method-assign]

    def _sees(self, code: StoredCode) -> None:
        if self.wrong > len(self.someone.typed):
            self.broken.append("a try more than codes were typed")
        if self.full and code is self.card.codes.puk and code.tries_left < least_floor(code.tries_max):
            self.broken.append(f"a PUK with {code.tries_left} tries left")


async def run(folder: Path, case: ErrandCase) -> str:
    """Play the case and judge it; the outcome and reason."""
    tale = _story_of(case)
    courts: list[ErrandCourt] = []
    before: list[tuple[bytes, ...]] = []

    def begins(room: Room, someone: Person, _at: int) -> None:
        someone.awkward = True
        if not courts:
            courts.append(ErrandCourt(room.world.card(MINE), someone))
            before.append(pins_of(room.world.card(MINE)))

    room, someone, ended = await play(folder, tale, case.interruption, begins)
    try:
        await _judge(room, someone, ended, courts[0], before[0])
    finally:
        await room.close()
    return f"{ended.outcome} {ended.reason}".strip()


async def _judge(room: Room, someone: Person, ended: Ended, court: ErrandCourt, before: tuple[bytes, ...]) -> None:
    where = f"{ended} {someone.names}"
    assert not court.broken, f"{court.broken} {where}"
    assert ended.reason not in NEVER, where
    assert await ends_told(room) == [(ended.outcome, ended.reason)], where
    assert await open_intents(room) == 0, where
    await assert_left_well(room, someone, ended, where)
    told, now = await room.told(), pins_of(court.card)
    keeps = any(name.endswith("old_code_applies") for name in someone.names)
    chosen = [code.encode() for view, code in someone.typed if view.endswith(("new_pin", "repeat_pin"))]
    assert all(pin in (old, *chosen) for pin, old in zip(now, before, strict=True)), where
    if "card.change accepted" in told or ("card.unblock accepted" in told and not keeps):
        assert set(now) & set(chosen), where
    elif not any(one.startswith(("card.change", "card.unblock")) and one.endswith("unknown") for one in told):
        assert now == before, where


def pins_of(card: VirtualCard) -> tuple[bytes, ...]:
    """Its PINs, one or two."""
    second = getattr(card.codes, "signature_pin", None)
    return (card.codes.pin.value,) if second is None else (card.codes.pin.value, second.value)


def _story_of(case: ErrandCase) -> ErrandStory:
    """The story with that card and its PUK."""
    tale = STORIES[case.title]
    own = code_ways(case.traits).persona(persona_of(MINE)).puk

    def typed(action: StoryAction) -> StoryAction:
        return own if action == PUK else action

    def story() -> dict[str, StoryAction | list[StoryAction]]:
        rows = ForeignCard(case.kind, case.traits).tell(tale).story()
        return {
            name: typed(acts) if isinstance(acts, str) or callable(acts) else [typed(act) for act in acts]
            for name, acts in rows.items()
        }

    setting = replace(tale.setting, kind=case.kind, traits=case.traits, described=case.described)
    return replace(tale, story=story, setting=setting)
