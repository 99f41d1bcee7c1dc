"""Who attends: named in the strip while a code is chosen, and said to look away; their card alone is asked for their code."""

import asyncio
from pathlib import Path

import pytest

from kiosk.administration_ports import AdministratorSession
from kiosk.errands.activate.stories import TWO_READERS, by_post, here
from kiosk.errands.registry import ERRANDS
from kiosk.issuer.ports import LoggedIn
from kiosk.screens.speech import spoken_sentences
from kiosk.screens.words import ScreenTexts
from kiosk.steps.identity.administrator import LOGGED_IN_S
from kiosk.texts import Texts
from kiosk.views import EnterCode
from sim.reader.personas import person
from sim.stories.administrator import HOUSE
from sim.stories.person import Person
from sim.stories.setting import attended, room_for


@pytest.mark.parametrize("view", ["activate.new_pin", "activate.repeat_pin"])
async def test_the_holder_chooses_the_code_while_nobody_looks(view: str, tmp_path: Path) -> None:
    room = room_for(tmp_path, TWO_READERS)
    try:
        here(room)
        someone = Person(room.world, room.clock, by_post()())
        journey = next(errand.journey for errand in ERRANDS if errand.id == "activate")
        await room.errand(someone, journey, "activate")
    finally:
        await room.close()
    shown = next(each for each in someone.shown if each.name == view)
    assert isinstance(shown, EnterCode)
    assert shown.attended_by
    assert f"{shown.attended_by} tittar bort så länge" in spoken_sentences(shown, ScreenTexts(Texts.load(), "sv"))


async def test_a_card_in_place_of_the_administrators_is_asked_for_no_code(tmp_path: Path) -> None:
    """A quarter of an hour at the menu, and a holder's card is in: the administrator's code would cost it a try."""
    room, administrator = room_for(tmp_path, HOUSE), person(13)
    try:
        reader = room.caps.administrator_reader
        assert reader is not None
        here = AdministratorSession(
            LoggedIn(administrator.hsa_id, administrator.name, "list"), reader,
            asyncio.get_running_loop().create_future(), -LOGGED_IN_S - 1,
        )  # fmt: skip
        room.equip(administrator_session=here)
        room.world.insert("1:old", "administrator")
        story = attended() | {"pickup.log_in_again": "next", "pickup.insert_administrator": "cancel"}
        someone = Person(room.world, room.clock, story)
        await room.errand(someone, next(errand.journey for errand in ERRANDS if errand.id == "attend"), "attend")
    finally:
        await room.close()
    assert someone.typed == []
    assert someone.names[1:3] == ["pickup.logging_in", "pickup.insert_administrator"]
