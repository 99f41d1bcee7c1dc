"""A card gets its first code by its hand-over alone; whoever was handed the card has every errand."""

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.errands.activate import stories as activation
from kiosk.errands.activate.journey import activate
from kiosk.errands.change_pin.journey import change_pin
from kiosk.errands.unblock.journey import unblock
from kiosk.errands.unblock.stories import new_card, unlock_new
from kiosk.region import general
from kiosk.views import Tell
from sim.stories.administration import RoomHouse
from sim.stories.administrator import housed
from sim.stories.person import Person, Story, pulls, puts
from sim.stories.room import Room, quick_folder
from sim.stories.setting import NEW_PIN, room_for

ANOTHER = "61427935"


def changing() -> Story:
    story = {"insert": puts("1:new"), "pin": NEW_PIN, "new_pin": ANOTHER, "repeat_pin": ANOTHER, "done": "end"}
    return {f"change_pin.{name}": action for name, action in story.items()} | {"closing.take_card": pulls()}


async def came(room: Room, story: Story, errand: str) -> tuple[str, str, str]:
    """How the errand of somebody ends, and which one it goes on to."""
    journey = {"unblock": unblock, "activate": activate, "change_pin": change_pin}[errand]
    someone = Person(room.world, room.clock, story)
    ended = await room.errand(someone, journey, errand)
    if someone.failure is not None:
        raise someone.failure
    return ended.outcome, ended.reason, ended.then


async def test_who_is_led_to_the_hand_over_comes_back_with_a_card_that_has_every_errand(tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, activation.TWO_READERS)
        new_card()(room)
        activation.here(room)
        housed(room)
        try:
            led = unlock_new(**{"stop.not_handed_over": "hand_over"})()
            assert await came(room, led, "unblock") == ("refused", "not_handed_over", "activate")
            assert await came(room, activation.by_post()(), "activate") == ("done", "", "")
            assert await came(room, changing(), "change_pin") == ("done", "", "")
            assert await came(room, unlock_new()(), "unblock") == ("done", "", "")
        finally:
            await room.close()


@pytest.mark.parametrize(
    ("missing", "region", "delivery", "button"),
    [
        ("", (), "post", "hand_over"),
        ("activate", (), "post", "end"),
        ("", ("pickup",), "post", "end"),
        ("", ("pickup",), "station", "hand_over"),
        ("pickup", (), "station", "end"),
    ],
    ids=["here", "not here just now", "the region activates none", "in a slot", "no cabinet"],
)
async def test_the_errand_that_hands_over_is_offered_where_the_station_has_it(
    tmp_path: Path, missing: str, region: tuple[str, ...], delivery: str, button: str
) -> None:
    with quick_folder(tmp_path) as folder:
        room = room_for(folder, replace(activation.TWO_READERS, order={"delivery": delivery, "slot": 0}))
        new_card()(room)
        room.equip(machine=RoomHouse(room, **({missing: "no_reader"} if missing else {})))
        if region:
            room.equip(region=general().model_copy(update={"hand_overs": region}))
        try:
            someone = Person(room.world, room.clock, unlock_new(**{"stop.not_handed_over": button})())
            await room.errand(someone, unblock, "unblock")
            assert someone.failure is None
            (view,) = [one for one in someone.shown if one.name == "unblock.stop.not_handed_over"]
            assert isinstance(view, Tell)
            assert view.primary is not None
            assert view.primary.value == button
        finally:
            await room.close()
