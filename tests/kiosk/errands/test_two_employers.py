"""People with two employers on one card: whatever is meant for one of them is found, and one person is never two."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fleet.messages.leavers import leaver_digest
from kiosk.errands.activate.stories import STORIES as ACTIVATIONS
from kiosk.errands.attend.stories import RESERVE
from kiosk.errands.empty_bin.stories import STORIES as BINS
from sim.reader.personas import person
from sim.stories.administrator import HANDED_OUT, HOUSE, two
from sim.stories.errand_stories import ErrandStory, play
from sim.stories.own_card import MINE, OTHER_EMPLOYER, two_employers
from sim.stories.person import puts, puts_back
from sim.stories.register import both
from sim.stories.room import Room, quick_folder
from sim.stories.setting import Setting, attended, own_card

HOLDER, ADMINISTRATOR, SECOND = (person(number).hsa_id for number in (1, 13, 14))
CARD_OF_TWO = two_employers()


async def played(folder: Path, tale: ErrandStory) -> tuple[str, str, list[str]]:
    """How it ended, and the questions."""
    with quick_folder(folder) as quick:
        room, someone, ended = await play(quick, tale)
        try:
            if someone.failure is not None:
                raise someone.failure
            tale.check(room)
            return ended.outcome, ended.reason, someone.questions
        finally:
            await room.close()


def left(name: str, hsa_id: str) -> Any:
    """The list of leavers that came last has the certificates of that HSA-id."""

    def prepare(room: Room) -> None:
        ders = (
            key.certificate.public_bytes(Encoding.DER)
            for key in room.world.card(name).keys
            if hsa_id in key.certificate.subject.rfc4514_string()
        )
        room.orders.leavers = {leaver_digest(der) for der in ders}

    return prepare


OWN_ALONE = Setting()


@pytest.mark.parametrize("days", [10, -10], ids=["the other one lasts longer", "shorter"])
async def test_an_order_of_either_employer_is_found_without_a_question(tmp_path: Path, days: int) -> None:
    tale = ErrandStory("", "pickup", own_card, OWN_ALONE, prepare=two_employers(MINE, days=days))
    outcome, reason, questions = await played(tmp_path, tale)
    assert (outcome, reason) == ("done", "")
    assert "pickup.employer" not in questions


async def test_who_has_left_one_employer_fetches_the_other_ones_card(tmp_path: Path) -> None:
    tale = ErrandStory("", "pickup", own_card, OWN_ALONE, prepare=both(CARD_OF_TWO, left(MINE, OTHER_EMPLOYER)))
    assert (await played(tmp_path, tale))[:2] == ("done", "")


async def test_who_has_left_the_employer_of_the_order_is_handed_nothing(tmp_path: Path) -> None:
    def story() -> Any:
        return own_card() | {"pickup.stop.holder_left": "end", "pickup.stop.no_order": "end"}

    tale = ErrandStory("", "pickup", story, OWN_ALONE, prepare=both(CARD_OF_TWO, left(MINE, HOLDER)))
    assert (await played(tmp_path, tale))[0] == "refused"


async def test_an_administrator_is_known_by_either_employer(tmp_path: Path) -> None:
    tale = ErrandStory("", "attend", attended, HOUSE, prepare=two_employers("13:new"), events=HANDED_OUT)
    assert (await played(tmp_path, tale))[:2] == ("done", "")


async def test_a_posted_card_is_activated_by_either_employer(tmp_path: Path) -> None:
    tale = ACTIVATIONS[0]
    changed = ErrandStory(
        "",
        tale.errand,
        tale.story,
        tale.setting,
        prepare=both(tale.prepare, two_employers("1:new")),
        events=tale.events,
    )
    assert (await played(tmp_path, changed))[:2] == ("done", "")


async def test_attack_an_administrator_hands_out_their_own_card_by_another_hsa_id(tmp_path: Path) -> None:
    """The administrator's card names the holder of the order too: they are the holder."""
    tale = ErrandStory(
        "", "attend", lambda: attended() | {"pickup.stop.nothing_waits": "end"}, HOUSE,
        prepare=two_employers("13:new", HOLDER, days=-10),
    )  # fmt: skip
    assert (await played(tmp_path, tale))[:2] == ("refused", "nothing_waits")


async def test_attack_a_new_card_that_names_its_administrator_too_is_not_activated(tmp_path: Path) -> None:
    """The order is another HSA-id's of the administrator, which only the new card says."""
    tale = ErrandStory(
        "", "attend",
        lambda: attended(put_back_untested=puts_back(2, "1:new")) | {"pickup.stop.own_card_attended": "end"}, HOUSE,
        prepare=two_employers("1:new", ADMINISTRATOR, days=-10),
    )  # fmt: skip
    assert (await played(tmp_path, tale))[:2] == ("refused", "own_card_attended")


async def test_attack_one_person_with_two_hsa_ids_is_not_two_administrators(tmp_path: Path) -> None:
    """A reserve card takes two people; the second card is the same person's, by its other HSA-id."""
    tale = ErrandStory(
        "", "attend",
        partial(attended, employer=ADMINISTRATOR, insert_second=puts("14:new", "administrator"), not_the_same="cancel"),
        RESERVE, prepare=both(two, two_employers("13:new", SECOND, days=-10)),
    )  # fmt: skip
    outcome, _, questions = await played(tmp_path, tale)
    assert outcome == "cancelled"
    assert "pickup.not_the_same" in questions


async def test_attack_one_person_empties_the_bin_alone_with_two_hsa_ids(tmp_path: Path) -> None:
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
