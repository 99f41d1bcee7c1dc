"""A new card that bears the name from before a name change: said before it is handed out, and its holder chooses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fleet.messages.issuing import DirectoryPerson
from kiosk.errands.activate.stories import HOME, by_post
from sim.reader.personas import person
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person, Story, puts_back
from sim.stories.room import Room, persona_of
from sim.stories.setting import NEW_PIN, Setting, attended, own_card
from tests.fakes.station.hand_overs import assert_sayable, issuer_of, visit

Make = Callable[..., Room]
SETTINGS = {"pickup": Setting(), "activate": HOME}
OLD, NEW = persona_of("1:new").name, "Alva Nyttnamn"
CHANGED = "2026-02-20"
"""Before the new card was made, whose day is 2026-03-01."""


def renamed(room: Room, **facts: Any) -> SimulatedIssuer:
    """The register says that the holder has another name now; a card of the same person is in use."""
    issuer = issuer_of(room)
    about: dict[str, Any] = {"name": NEW, "name_changed": CHANGED, **facts}
    issuer.add(DirectoryPerson(person(1).hsa_id, **about))
    return issuer


def story(errand: str, **changed: Any) -> Story:
    if errand == "pickup":
        return attended(reader="holder", **changed)
    return by_post(reader="holder", **changed)()


def said(someone: Person, errand: str) -> Any:
    return next((view for view in someone.shown if view.name == f"{errand}.former_name"), None)


@pytest.mark.parametrize("errand", SETTINGS)
async def test_who_takes_it_was_told_what_will_happen(make_room: Make, errand: str) -> None:
    room = make_room(SETTINGS[errand])
    renamed(room)
    someone, ended = await visit(room, errand, story(errand, former_name="take"))
    assert (someone.failure, ended.outcome) == (None, "done")
    assert someone.names.count(f"{errand}.former_name") == 1
    assert [fact.value for fact in said(someone, errand).facts] == [OLD, NEW]
    assert "23" in repr(said(someone, errand).points), "three months after the change: 2026-05-23"
    assert_sayable(someone)


@pytest.mark.parametrize("errand", SETTINGS)
async def test_who_does_not_take_it_leaves_it_as_it_is(make_room: Make, errand: str) -> None:
    room = make_room(SETTINGS[errand])
    renamed(room)
    someone, ended = await visit(room, errand, story(errand, former_name="leave", **{"stop.former_name": "end"}))
    assert (someone.failure, ended.outcome, ended.reason) == (None, "refused", "former_name")
    assert f"{errand}.terms" not in someone.names
    assert room.world.card("1:new").codes.pin.value == person(1).new.pin.encode()
    again, ended = await visit(room, errand, story(errand, former_name="take"))
    assert (again.failure, ended.outcome) == (None, "done"), "whoever thinks better of it comes back"


async def test_the_card_itself_tells_where_the_order_does_not(make_room: Make) -> None:
    """The order has the new name already; the card was made before, and goes back into its slot."""
    room = make_room(Setting(order={"name": NEW}))
    renamed(room)
    leave = story("pickup", former_name="leave", put_back_untested=puts_back(2, "1:new"), **{"stop.former_name": "end"})
    someone, ended = await visit(room, "pickup", leave)
    assert (someone.failure, ended.outcome, ended.reason) == (None, "refused", "former_name")
    assert (await room.told())[-3:] == ["slot.reopen opened", "slot.return former_name", "ended refused"]
    assert room.world.card("1:new").tries_left == (3, 10)


async def test_a_code_that_was_set_before_needs_no_word_again(make_room: Make) -> None:
    room = make_room(Setting())
    issuer = renamed(room, name_changed=None)
    later = own_card(receipt="later", **{"stop.unsigned": "end"})
    issuer.cards.clear()
    await visit(room, "pickup", later)
    renamed(room)
    someone, ended = await visit(room, "pickup", story("pickup"))
    assert (someone.failure, ended.outcome) == (None, "done")
    assert room.world.card("1:new").codes.pin.value == NEW_PIN.encode()


@pytest.mark.parametrize("errand", SETTINGS)
@pytest.mark.parametrize(
    "facts",
    [
        {"name": OLD},
        {"name": OLD.upper()},
        {"name": f"{OLD} Mellannamn"},
        {"name_changed": None},
        {"name_changed": "2026-12-01"},
        {"protected": True},
    ],
    ids=["the same name", "in capitals", "a middle name", "no change", "a change to come", "protected"],
)
async def test_nothing_is_said(make_room: Make, errand: str, facts: dict[str, Any]) -> None:
    room = make_room(SETTINGS[errand])
    renamed(room, **facts)
    someone, ended = await visit(room, errand, story(errand))
    assert (someone.failure, ended.outcome) == (None, "done")


@pytest.mark.parametrize("errand", SETTINGS)
async def test_a_protected_identity_is_not_told_by_name(make_room: Make, errand: str) -> None:
    setting = SETTINGS[errand]
    room = make_room(replace(setting, order={**setting.order, "protected": True, "name": None}))
    renamed(room)
    someone, ended = await visit(room, errand, story(errand))
    assert (someone.failure, ended.outcome, said(someone, errand)) == (None, "done", None)
    assert NEW not in repr(someone.shown)


async def test_a_middle_name_counts_where_the_card_was_made_before(make_room: Make) -> None:
    room = make_room(SETTINGS["activate"])
    renamed(room, name=f"{OLD} Berg", name_changed="2026-03-02")
    someone, ended = await visit(room, "activate", story("activate", former_name="take"))
    assert (someone.failure, ended.outcome) == (None, "done")
    assert said(someone, "activate") is not None


@pytest.mark.parametrize("errand", SETTINGS)
async def test_without_connection_the_card_is_handed_out_as_ever(make_room: Make, errand: str) -> None:
    room = make_room(SETTINGS[errand])
    renamed(room).online = False
    someone, ended = await visit(room, errand, story(errand))
    assert (someone.failure, ended.outcome) == (None, "done")
