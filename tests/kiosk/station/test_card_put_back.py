"""A card that was pulled in the middle and put back: the errand goes on, begins anew or ends, and no code goes astray."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.reader.outcomes import Accepted
from fleet.messages.vocabulary import Effect
from kiosk.errands.change_pin.stories import change
from kiosk.errands.registry import errand_of
from kiosk.errands.unblock.stories import PUK, unlock
from kiosk.ports import CardPulledError, Ended
from kiosk.steps.context import ErrandContext
from kiosk.steps.view_helpers import primary_button
from kiosk.views import Tell, say
from sim.reader.rogue import copy_card
from sim.stories.errand_stories import OWN
from sim.stories.own_card import MINE, locked
from sim.stories.person import STRANGER, Person, Story, leaves, pulls, pulls_lit, puts
from sim.stories.room import Room
from sim.stories.setting import NEW_PIN, Setting, own_card, room_for


async def played(room: Room, errand: str, story: Story) -> tuple[Person, Ended]:
    someone = Person(room.world, room.clock, story)
    found = errand_of(errand)
    assert found is not None
    ended = await room.errand(someone, found.journey, errand)
    if someone.failure is not None:
        raise someone.failure
    return someone, ended


@pytest.fixture
async def make_room(tmp_path: Path) -> AsyncIterator[Callable[[Setting], Room]]:
    rooms: list[Room] = []

    def make(setting: Setting) -> Room:
        rooms.append(room_for(tmp_path, setting))
        return rooms[-1]

    yield make
    for room in rooms:
        await room.close()


@pytest.fixture
def own(make_room: Callable[[Setting], Room]) -> Room:
    room = make_room(OWN)
    locked(room)
    return room


def with_pull(story: Callable[[], Story], at: str, answer: str, **more: Any) -> Story:
    """The card is pulled when that question comes up for the first time; it is answered when it comes up again."""
    return {**story(), at: [pulls(), answer], "closing.pulled": puts(MINE), **more}


@pytest.mark.parametrize(
    ("at", "answer"),
    [("puk", PUK), ("new_pin", NEW_PIN), ("repeat_pin", NEW_PIN), ("write", "write")],
)
async def test_the_same_card_goes_on_at_the_question_where_it_was_pulled(own: Room, at: str, answer: str) -> None:
    someone, ended = await played(own, "unblock", with_pull(unlock(), f"unblock.{at}", answer))
    assert ended.outcome == "done"
    assert someone.names.count("closing.pulled") == 1
    after = someone.names.index("closing.pulled")
    assert someone.names[after + 1] == someone.names[after - 1] == f"unblock.{at}"
    assert [view for view, _ in someone.typed] == ["unblock.puk", "unblock.new_pin", "unblock.repeat_pin"]
    assert own.world.card(MINE).codes.pin.value.decode() == NEW_PIN
    assert [word for word in await own.told() if word.startswith("card.unblock")] == ["card.unblock accepted"]


async def test_a_code_that_was_proved_is_proved_again_by_the_card_that_is_put_back(
    make_room: Callable[[Setting], Room],
) -> None:
    room = make_room(OWN)
    someone, ended = await played(room, "change_pin", with_pull(change(), "change_pin.new_pin", NEW_PIN))
    assert (ended.outcome, ended.reason, ended.then) == ("cancelled", "card_pulled", "change_pin")
    assert someone.card_in("holder"), "the next errand meets it there"
    someone, ended = await played(room, "change_pin", change()())
    assert ended.outcome == "done"
    assert someone.typed[0][0] == "change_pin.pin"


async def test_another_card_ends_the_errand_and_hears_nothing(own: Room) -> None:
    story = with_pull(
        unlock(), "unblock.write", "write", **{"closing.pulled": puts(STRANGER), "closing.another_card": "end"}
    )
    someone, ended = await played(own, "unblock", story)
    assert (ended.outcome, ended.reason, ended.then) == ("cancelled", "card_pulled", "")
    assert someone.names[-2:] == ["closing.another_card", "closing.take_card"]
    for name in (MINE, STRANGER):
        codes = own.world.card(name).codes
        assert codes.puk.tries_left == codes.puk.tries_max
        assert not {entry.ins for entry in own.world.card(name).log} & {"CHANGE REFERENCE DATA", "RESET RETRY COUNTER"}


@pytest.mark.parametrize("goes", ["end", leaves])
async def test_who_does_not_put_it_back_is_told_once_and_the_errand_is_over(own: Room, goes: Any) -> None:
    someone, ended = await played(own, "unblock", with_pull(unlock(), "unblock.puk", PUK, **{"closing.pulled": goes}))
    assert (ended.outcome, ended.reason, ended.then) == ("cancelled", "card_pulled", "")
    assert someone.names[-1] == "closing.pulled"
    assert someone.names.count("closing.pulled") == 1


async def test_a_card_put_back_the_wrong_way_round_is_turned_and_goes_on(own: Room) -> None:
    story = with_pull(
        unlock(), "unblock.new_pin", NEW_PIN, **{"closing.pulled": [puts(MINE, upside_down=True), puts(MINE)]}
    )
    someone, ended = await played(own, "unblock", story)
    assert ended.outcome == "done"
    assert [view.note.title.key for view in someone.shown if view.name == "closing.pulled" and view.note] == [
        "strange.mute.title"
    ]


async def test_a_copy_put_in_for_a_new_card_hears_no_code(make_room: Callable[[Setting], Room]) -> None:
    """The card showed that it is genuine before the PUK was asked for; what is put in after it was pulled has to do so again."""
    room = make_room(Setting(kind="C"))
    copy = copy_card(room.world.card("1:new"))

    def swaps(person: Person) -> None:
        person.world.cards["1:new"] = copy
        person.world.insert("1:new", "holder")

    story = {
        **own_card(),
        "pickup.write": [pulls(), "write"],
        "closing.pulled": swaps,
        "pickup.put_back_false": leaves,
        "closing.open_door": leaves,
        "closing.take_card": pulls_lit,
    }
    someone, ended = await played(room, "pickup", story)
    assert copy.heard == []
    assert "pickup.put_back_false" in someone.names
    assert ended.outcome != "done"


async def test_the_new_card_of_a_pick_up_goes_on_once_it_has_shown_again_that_it_is_genuine(
    make_room: Callable[[Setting], Room],
) -> None:
    room = make_room(Setting())
    story = {**own_card(), "pickup.new_pin": [pulls(), NEW_PIN], "closing.pulled": puts("1:new")}
    someone, ended = await played(room, "pickup", story)
    assert ended.outcome == "done"
    assert someone.names.count("pickup.proving") == 3, "the old card, the new one, and the new one once more"
    assert [view for view, _ in someone.typed].count("pickup.puk") == 1


async def test_a_new_code_that_was_not_tried_is_tried_by_the_card_put_back(
    make_room: Callable[[Setting], Room],
) -> None:
    """The card goes in the middle of its test: the screen says that the new code applies, and the card back is tested."""
    room = make_room(OWN)

    async def sets_and_tears(context: ErrandContext) -> Ended:
        visit = await context.caps.reader.visit()
        try:
            await context.ask(
                Tell(
                    name="question", title=say("home.title"), badge="success", primary=primary_button("x", "button.end")
                )
            )
            await context.log.effect(Effect.CARD_CHANGE, accepted())
            room.world.remove("holder")
            raise CardPulledError
        finally:
            await visit.close()

    async def accepted() -> Accepted:
        return Accepted()

    room.world.insert(MINE, "holder")
    someone = Person(room.world, room.clock, {"question": "x", "closing.pulled": puts(MINE)})
    ended = await room.errand(someone, sets_and_tears, "change_pin")
    assert (ended.outcome, ended.then) == ("interrupted", "check_card")
    assert [text.key for text in someone.shown[-1].lead] == ["closing.pulled.new", "closing.pulled.new.do"]


async def test_the_strip_tells_the_errand_and_the_step_while_the_card_is_out(own: Room) -> None:
    someone, _ = await played(own, "unblock", with_pull(unlock(), "unblock.new_pin", NEW_PIN))
    at = someone.names.index("closing.pulled")
    asked, pulled_out = someone.shown[at - 1], someone.shown[at]
    assert asked.errand is not None
    assert asked.step is not None
    assert (pulled_out.errand, pulled_out.step) == (asked.errand, asked.step)
