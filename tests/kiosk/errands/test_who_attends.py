"""Who attends while a code is chosen: named in the strip as who has checked, and said to look away."""

from pathlib import Path

import pytest

from kiosk.errands.activate.stories import TWO_READERS, by_post, here
from kiosk.errands.registry import ERRANDS
from kiosk.screens.speech import spoken_sentences
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from kiosk.views import EnterCode
from sim.stories.person import Person
from sim.stories.setting import room_for


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
