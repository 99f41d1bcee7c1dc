"""Attacks by people whose card names them at two employers: one person is nobody else, by whichever HSA-id."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

from kiosk.errands.attend.stories import RESERVE
from kiosk.errands.empty_bin.stories import STORIES as BINS
from kiosk.errands.unblock.stories import STORIES as UNLOCKS
from sim.reader.personas import person
from sim.stories.administrator import HOUSE, two
from sim.stories.errand_stories import ErrandStory
from sim.stories.own_card import two_employers
from sim.stories.person import puts, puts_back
from sim.stories.register import both
from sim.stories.setting import attended
from tests.fakes.station.played_stories import played

HOLDER, ADMINISTRATOR, SECOND = (person(number).hsa_id for number in (1, 13, 14))


async def test_an_administrator_hands_out_their_own_card(tmp_path: Path) -> None:
    """An administrator hands out a card to themselves, by another HSA-id of their own."""
    tale = ErrandStory(
        "", "attend", lambda: attended() | {"pickup.stop.nothing_waits": "end"}, HOUSE,
        prepare=two_employers("13:new", HOLDER, days=-10),
    )  # fmt: skip
    assert (await played(tmp_path, tale))[:2] == ("refused", "nothing_waits")


async def test_an_administrator_activates_a_card_that_names_them_too(tmp_path: Path) -> None:
    """An administrator hands out a card that is theirs by an HSA-id which only the new card tells."""
    tale = ErrandStory(
        "", "attend",
        lambda: attended(put_back_untested=puts_back(2, "1:new")) | {"pickup.stop.own_card_attended": "end"}, HOUSE,
        prepare=two_employers("1:new", ADMINISTRATOR, days=-10),
    )  # fmt: skip
    assert (await played(tmp_path, tale))[:2] == ("refused", "own_card_attended")


async def test_one_person_is_two_administrators(tmp_path: Path) -> None:
    """One person with two HSA-ids attends as two, for a reserve card."""
    tale = ErrandStory(
        "", "attend",
        partial(attended, employer=ADMINISTRATOR, insert_second=puts("14:new", "administrator"), not_the_same="cancel"),
        RESERVE, prepare=both(two, two_employers("13:new", SECOND, days=-10)),
    )  # fmt: skip
    outcome, _, questions = await played(tmp_path, tale)
    assert outcome == "cancelled"
    assert "pickup.not_the_same" in questions


async def test_one_person_empties_the_bin_alone(tmp_path: Path) -> None:
    """One person with two HSA-ids empties the bin alone."""
    tale = BINS[0]

    def story() -> Any:
        return {**tale.story(), "empty_bin.not_the_same": "cancel"}

    changed = ErrandStory(
        "",
        "empty_bin",
        story,
        tale.setting,
        prepare=both(tale.prepare, two_employers("14:new", ADMINISTRATOR, days=-10)),
    )
    assert (await played(tmp_path, changed))[0] == "cancelled"


async def test_an_administrator_unlocks_their_own_card(tmp_path: Path) -> None:
    """An administrator unlocks their own card, attending by another HSA-id."""
    tale = next(tale for tale in UNLOCKS if tale.title == "unblock: no envelope, and the card's own key answers")
    changed = dataclasses.replace(
        tale,
        story=lambda: tale.story() | {"unblock.not_the_same": "cancel"},
        prepare=both(tale.prepare, two_employers("13:new", HOLDER, days=-10)),
        check=lambda _: None,
    )
    assert (await played(tmp_path, changed))[0] == "cancelled"
