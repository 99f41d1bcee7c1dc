"""A letter that is not at hand at a hand-over: who attends sets the code, or orders another, and the order goes on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kiosk.errands.activate.stories import TWO_READERS, by_post
from kiosk.texts import Texts
from kiosk.views import say
from sim.reader.personas import person
from sim.stories.person import Story
from sim.stories.room import Room
from sim.stories.setting import NEW_PIN, Setting, attended, own_card
from tests.fakes.station.hand_overs import ADMINISTRATOR, assert_sayable, issuer_of, visit

NEW = person(1).new
PICKUP = Setting(second_reader=True)
Make = Callable[..., Room]


def at_hand_over(errand: str, **changed: Any) -> Story:
    """An attended hand-over in which each question about the letter is answered with having none."""
    rows = {
        "without": "administrator",
        "order_letter": "order",
        "letter_ordered": "end",
        "letter_noted": "end",
        **changed,
    }
    if errand == "pickup":
        return attended(**rows)
    return by_post(**rows)()


SETTINGS = {"pickup": PICKUP, "activate": TWO_READERS}
AT_TERMS = {"terms": ["no_envelope", "accept"]}
AT_PUK = {"puk": "no_envelope"}


@pytest.mark.parametrize("errand", SETTINGS)
@pytest.mark.parametrize("said", [AT_TERMS, AT_PUK], ids=["at the terms", "at the PUK"])
@pytest.mark.parametrize(("key", "did"), [(True, "unblock"), (False, "puk")])
async def test_who_attends_sets_the_code_in_its_place(
    make_room: Make, errand: str, said: Story, key: bool, did: str
) -> None:
    room = make_room(SETTINGS[errand])
    issuer = issuer_of(room, key=key)
    someone, ended = await visit(room, errand, at_hand_over(errand, **said))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "done", "")
    assert room.world.card("1:new").codes.pin.value == NEW_PIN.encode()
    assert issuer.told == [(did, NEW.card_number, ADMINISTRATOR.hsa_id, person(1).hsa_id)]
    assert someone.names.count(f"{errand}.insert_administrator") == 1, "without a second log-in"
    assert Texts.load().plain(say("receipt.remark.without_letter"), "sv") in repr(room.caps.printer.papers)
    end = next(view for view in someone.shown if view.name == f"{errand}.done")
    assert "done.keep" not in repr(end), "there is no letter to keep"
    assert_sayable(someone)


@pytest.mark.parametrize("errand", SETTINGS)
@pytest.mark.parametrize("said", [AT_TERMS, AT_PUK], ids=["at the terms", "at the PUK"])
async def test_a_new_letter_is_ordered_and_who_comes_back_with_it_goes_on(
    make_room: Make, errand: str, said: Story
) -> None:
    room = make_room(SETTINGS[errand])
    issuer = issuer_of(room)
    someone, ended = await visit(room, errand, at_hand_over(errand, without="letter", **said))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "cancelled", "letter_ordered")
    assert issuer.told == [("letter", NEW.card_number, person(1).hsa_id)]
    waits = errand == "pickup" and said is AT_TERMS
    assert ("letter.done.then_slot" in repr(someone.shown)) == waits, "where the card is until then"
    assert_sayable(someone)
    again, ended = await visit(room, errand, at_hand_over(errand))
    assert (again.failure, ended.outcome) == (None, "done")
    assert ("pickup.take" in again.names) == waits
    assert room.world.card("1:new").codes.pin.value == NEW_PIN.encode()


@pytest.mark.parametrize("errand", SETTINGS)
async def test_an_issuer_that_has_nothing_of_the_card_sends_a_letter(make_room: Make, errand: str) -> None:
    room = make_room(SETTINGS[errand])
    issuer = issuer_of(room, key=False, puk=False)
    someone, ended = await visit(room, errand, at_hand_over(errand, **AT_TERMS))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "cancelled", "letter_ordered")
    assert [told[0] for told in issuer.told] == ["letter"]
    assert room.world.card("1:new").codes.pin.value == NEW.pin.encode()


async def test_a_portal_for_people_notes_the_letter(make_room: Make) -> None:
    room = make_room(PICKUP)
    issuer_of(room).by_people = True
    someone, ended = await visit(room, "pickup", at_hand_over("pickup", without="letter", **AT_TERMS))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "cancelled", "letter_noted")


async def test_both_cards_in_turn_in_the_one_reader(make_room: Make) -> None:
    room = make_room(Setting())
    issuer = issuer_of(room)
    story = attended(reader="holder", without="administrator", **AT_PUK)
    someone, ended = await visit(room, "pickup", story)
    assert (someone.failure, ended.outcome) == (None, "done")
    assert [told[0] for told in issuer.told] == ["unblock"]


async def test_who_goes_back_from_writing_chooses_another_code(make_room: Make) -> None:
    room = make_room(PICKUP)
    issuer_of(room)
    story = at_hand_over("pickup", write=["back", "write"], **AT_PUK)
    someone, ended = await visit(room, "pickup", story)
    assert (someone.failure, ended.outcome) == (None, "done")
    assert someone.names.count("pickup.new_pin") == 2


NOBODY = "no_envelope"


@pytest.mark.parametrize("said", [{"terms": NOBODY}, {"puk": NOBODY}], ids=["at the terms", "at the PUK"])
async def test_who_is_here_with_the_own_card_alone_is_told_what_to_do(make_room: Make, said: Story) -> None:
    room = make_room(Setting())
    issuer = issuer_of(room)
    issuer.cards.clear()
    someone, ended = await visit(room, "pickup", own_card(**said, **{"stop.no_envelope": "end"}))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "refused", NOBODY)
    assert issuer.told == []


@pytest.mark.parametrize("errand", SETTINGS)
async def test_without_connection_nobody_can_release_anything(make_room: Make, errand: str) -> None:
    room = make_room(SETTINGS[errand])
    issuer_of(room).online = False
    story = at_hand_over(errand, terms=NOBODY, **{"stop.no_envelope": "end"})
    someone, ended = await visit(room, errand, story)
    assert (someone.failure, ended.outcome, ended.reason) == (None, "refused", NOBODY)


async def test_a_reserve_card_gets_no_code_without_its_envelope(make_room: Make) -> None:
    room = make_room(replace(PICKUP, order={"product": "reserve", "loa": 2}))
    issuer = issuer_of(room)
    someone, ended = await visit(room, "pickup", at_hand_over("pickup", terms=NOBODY, **{"stop.no_envelope": "end"}))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "refused", NOBODY)
    assert issuer.told == []
