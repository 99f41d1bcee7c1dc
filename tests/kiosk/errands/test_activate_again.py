"""An activation that was left half way: its holder comes back with the card, and an administrator attends again."""

from pathlib import Path

import pytest

from fleet.messages.vocabulary import EventType
from kiosk.errands.activate.journey import activate
from kiosk.errands.activate.stories import POSTED, TWO_READERS, by_post, here, of_product
from sim.stories.devices import order_of
from sim.stories.person import Person
from sim.stories.room import Room, quick_folder
from sim.stories.setting import room_for


async def visit(room: Room, **changed: object) -> tuple[Person, str, list[str]]:
    """One visit; the person, how it ended, and the types and effects of its events."""
    before = len(await room.told())
    someone = Person(room.world, room.clock, by_post(**{"stop.unsigned": "end", **changed})())
    ended = await room.errand(someone, activate, "activate")
    if room.world.slots["administrator"].card is not None:
        room.world.remove("administrator")
    assert someone.failure is None
    return someone, f"{ended.outcome} {ended.reason}".strip(), (await room.told())[before:]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "at another station"])
async def test_who_signs_later_proves_the_code_and_signs_and_the_card_is_activated_once(
    elsewhere: bool, tmp_path: Path
) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, TWO_READERS)
        here(room)
        _, how, told = await visit(room, receipt="later")
        assert (how, told.count("card.activated")) == ("cancelled unsigned", 1)
        if elsewhere:
            (tmp_path / "other").mkdir()
            other = room_for(tmp_path / "other", TWO_READERS)
            here(other)
            other.world.cards.update(room.world.cards)
            other.orders.all = (order_of(1, **POSTED, receipt_owed=True),)
            await room.close()
            room = other
        someone, how, told = await visit(room)
        try:
            assert (how, told.count("card.activated"), told.count("receipt.issued")) == ("done", 0, 1)
            assert "activate.code_from_before" in someone.names
            assert not {"activate.terms", "activate.puk", "activate.new_pin"} & set(someone.names)
            kinds = [event.type for event in await room.chain()]
            assert kinds.count(EventType.IDENTITY_ATTESTED) == (1 if elsewhere else 2)
        finally:
            await room.close()


async def test_who_forgot_the_code_that_took_the_start_pins_place_is_asked_for_no_start_pin(tmp_path: Path) -> None:
    """It was changed on the first visit, and each try at it would count."""
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, TWO_READERS)
        of_product(activation={"code": "start-pin"})(room)
        await visit(room, receipt="later")
        someone, how, _ = await visit(room, code_from_before="forgotten", **{"stop.first_code_forgotten": "end"})
        await room.close()
    assert (how, "activate.start_pin" in someone.names) == ("refused first_code_forgotten", False)
    assert room.world.card("1:new").tries_left == (3, 10)
