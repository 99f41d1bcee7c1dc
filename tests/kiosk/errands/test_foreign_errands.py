"""Every errand on cards that somebody else made ends as it does on ours, or as the table of that card says.

A rotation of stories and cards runs with the other tests; KORTKIOSK_FOREIGN_ERRANDS=1 runs every story on every card
(`make state-machine`, and there many more at random).
"""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings

from sim.stories.errand_stories import ErrandStory, assert_ended_somehow, errand_stories
from sim.stories.foreign_stories import FOREIGN_CARDS, foreign_tales, play_foreign
from sim.stories.own_card import MINE
from sim.stories.room import quick_folder
from tests.fakes.cards.foreign_errands import ErrandCase, errand_cases, run

EVERY = 1 if os.environ.get("KORTKIOSK_FOREIGN_ERRANDS") else 11
TALES = list(foreign_tales())[::EVERY]


@pytest.mark.parametrize(("card", "tale"), TALES, ids=[f"{card}: {tale.title}" for card, tale in TALES])
async def test_a_story_on_a_foreign_card(card: str, tale: ErrandStory, tmp_path: Path) -> None:
    told, otherwise = FOREIGN_CARDS[card].tell(tale), tale.title in FOREIGN_CARDS[card].otherwise
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play_foreign(folder, card, tale)
        try:
            if room.world.card(MINE).traits != told.setting.traits:
                return  # the story brings a card of its own
            if someone.failure is not None:
                raise someone.failure
            assert (ended.outcome, ended.reason) == (told.outcome, told.reason)
            await assert_ended_somehow(room, someone, ended, told, "")
            if otherwise:
                return
            left = iter(someone.names)
            assert all(name in left for name in tale.views), f"{tale.views} in {someone.names}"
            seen = [one for one in await room.told() if one not in ("errand.started", f"ended {ended.outcome}")]
            assert tale.events is None or tuple(seen) == tale.events
            tale.check(room)
        finally:
            await room.close()


def test_what_ends_otherwise_is_a_story() -> None:
    titles = {tale.title for tale in errand_stories()}
    assert all(card.otherwise.keys() <= titles for card in FOREIGN_CARDS.values())


@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(errand_cases())
def test_whatever_a_foreign_card_is_like_the_errand_ends_by_name(case: ErrandCase) -> None:
    note(repr(case))
    with quick_folder(Path()) as folder:
        asyncio.run(run(folder, case))
