"""Every errand on a card of no product that the station knows: it is read by the standard, and by who issued its certificates.

The cards are kind B, and the station has no profile of it. What needs no secret knowledge of the product works as on a card that
is known; what does need it ends by name, before anybody has typed a code in vain.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.card_reader import CardReader
from drivers.reader.profiles import Profiles
from sim.reader.pki import LOA_POLICY_OIDS
from sim.stories.errand_stories import ErrandStory, errand_stories, play
from sim.stories.foreign import estrange, known_without_ours
from sim.stories.person import Person, Story, puts_back
from sim.stories.room import Room, make_card, persona_of, quick_folder
from sim.stories.setting import Setting, attended, own_card

LEVELS = {oid: loa for loa, oid in LOA_POLICY_OIDS.items()}
"""As `trust.loa` of a station's configuration has them."""
STORIES = {tale.title: tale for tale in errand_stories()}
AS_TOLD = [
    "check_card: it works",
    "check_card: without the code",
    "change_pin: by who knows it",
    "change_pin: the card is locked",
    "activate: a product that comes with a start PIN",
    "return_card: with its code, blocked at once",
    "return_card: the code is not known, so it is held",
    "return_card: the chip is cut, the number is typed",
    "return_card: another assignment follows, and the card is kept",
    "report_lost: lost, by its number: a hold at once",
    "report_lost: somebody knows the code, and the card is here: blocked, after two questions",
    "report_lost: found again, and exactly as it was",
    "clean_up: there is nothing that may go, on any kind of card",
    "clean_up: the own card is blocked, after two questions",
    "administrate: log in, look, log out by taking the card",
    "activate: a product that comes with a start PIN",
    "activate: a card that nobody has ordered",
    "activate: the card is ordered for somebody else",
    "activate: the card has another level than was ordered",
    "stock: a card is scanned, a slot is proposed, and it lies there",
    "empty_bin: counted, sealed, signed by both",
    "service: test all parts, and a page",
]
"""What a station does with such a card as with any."""
BY_NAME = {
    "unblock: with the envelope": "not_unblockable",
    "unblock: no envelope, and the card's own key answers": "not_unblockable",
    "renew_certificate: kind B, and the old one goes": "not_writable",
    "reserve_certificate: an administrator attends": "not_writable",
}
"""What takes a profile that somebody has tried on a card, and the reason with which it ends without one."""


def at_an_unknowing_station(tale: ErrandStory) -> ErrandStory:
    """The same story at a station without the profiles of virtual cards."""

    def prepare(room: Room) -> None:
        tale.prepare(room)
        know(room, Profiles(known_without_ours()).with_loa(LEVELS))

    return replace(tale, prepare=prepare)


def know(room: Room, profiles: Profiles) -> None:
    """The station knows these products, and no other."""
    room.settings = replace(room.settings, profiles=profiles)
    readers = {reader.name: CardReader(room.world.backend, reader.name, room.settings) for reader in room.readers}
    room.readers += readers.values()
    reader, second = room.caps.reader, room.caps.administrator_reader
    room.equip(
        reader=reader if reader is None else readers[reader.name],
        administrator_reader=second if second is None else readers[second.name],
    )


@pytest.mark.parametrize("title", AS_TOLD)
async def test_what_needs_no_knowledge_of_the_product_works(title: str, tmp_path: Path) -> None:
    tale = STORIES[title]
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, at_an_unknowing_station(tale))
        try:
            if someone.failure is not None:
                raise someone.failure
            assert (ended.outcome, ended.reason) == (tale.outcome, tale.reason)
            seen = [one for one in await room.told() if one not in ("errand.started", f"ended {ended.outcome}")]
            assert tale.events is None or tuple(seen) == tale.events
            tale.check(room)
        finally:
            await room.close()


@pytest.mark.parametrize(("title", "reason"), BY_NAME.items())
async def test_what_needs_it_ends_by_name_before_a_code_of_the_card(title: str, reason: str, tmp_path: Path) -> None:
    tale = STORIES[title]
    errand = tale.errand

    def story() -> Story:
        return {**tale.story(), f"{errand}.stop.{reason}": "end"}

    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, at_an_unknowing_station(replace(tale, story=story)))
        try:
            if someone.failure is not None:
                raise someone.failure
            assert (ended.outcome, ended.reason) == ("refused", reason)
            assert {view for view, _ in someone.typed} <= {f"{errand}.pin_administrator"}
        finally:
            await room.close()


@pytest.mark.parametrize(
    ("story", "cards"), [(own_card, ["1:old"]), (attended, ["13:new"])], ids=["own card", "administrator"]
)
async def test_a_pick_up_knows_its_people_by_cards_that_no_profile_names(
    story: Callable[[], Story], cards: list[str], make_room: Callable[[Setting], Room]
) -> None:
    room = make_room(Setting(second_reader=True))
    for name in cards:
        room.world.cards[name] = estrange(make_card(persona_of(name)))
    know(room, room.settings.profiles.with_loa(LEVELS))
    someone = Person(room.world, room.clock, story())
    ended = await room.errand(someone)
    assert (ended.outcome, ended.reason, someone.failure) == ("done", "", None)


async def test_a_new_card_that_no_profile_names_goes_back_into_its_slot(make_room: Callable[[Setting], Room]) -> None:
    room = make_room(Setting())
    know(room, Profiles(known_without_ours()).with_loa(LEVELS))
    ways: dict[str, Any] = {"put_back_unvouched": puts_back(2, "1:new"), "stop.stocked_by_one": "end"}
    someone = Person(room.world, room.clock, own_card(**ways))
    ended = await room.errand(someone)
    assert (ended.outcome, ended.reason, someone.failure) == ("refused", "stocked_by_one", None)
    assert "pickup.puk" not in someone.names
