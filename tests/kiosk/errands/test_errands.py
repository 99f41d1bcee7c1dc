"""Every errand as people live it, and with trouble at every question: it ends by a name, once, and the last screen is true."""

import os
import re
from pathlib import Path

import pytest

from kiosk.screens.speech import view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from sim.reader.personas import administrators, people
from sim.stories.errand_stories import ErrandStory, assert_ended_somehow, errand_stories, play
from sim.stories.person import Interruption, Person, Trouble
from sim.stories.room import Room, quick_folder
from tests.docs.walk_questions import has_sample
from tests.fakes.station.ticked_tasks import Witness

TALES = errand_stories()
TROUBLED = [tale for tale in TALES if tale.troubled]
WORDS = ScreenTexts(Texts.load(), "sv")
NAMES = [one.name for one in (*people(), *administrators())]
TROUBLES: tuple[Trouble, ...] = ("cancel", "leave", "pull", "swap")
EACH = "KORTKIOSK_EVERY_TROUBLE" in os.environ
"""All of them in `make faults`; else two of the four for each story, by turns."""
PLAYED = [
    pytest.param(tale, trouble, id=f"{tale.title}-{trouble}")
    for at, tale in enumerate(TROUBLED)
    for turn, trouble in enumerate(TROUBLES)
    if EACH or (at + turn) % 2 == 0
]


def show_room(room: Room, someone: Person, at: int) -> None:
    assert isinstance(someone, Witness)
    someone.room = room


def assert_no_false_tick(someone: Person) -> None:
    """No task is ticked before it is true: before the card, the verifier, the issuer or the journal has said so."""
    assert isinstance(someone, Witness)
    assert someone.false_ticks == []


def assert_each_view_has_a_sample(someone: Person) -> None:
    """A row in the errand's page or in docs/walk.md comes with the sample."""
    assert [name for name in dict.fromkeys(someone.names) if not has_sample(name)] == []


def assert_no_secret_is_said(someone: Person) -> None:
    """Listen says no digit of a code that was typed, and no name aloud."""
    codes = {code for _, code in someone.typed}
    for view in someone.shown:
        private, aloud = (view_phrases(view, WORDS, private=one) for one in (True, False))
        digits = [re.sub(r"\D", "", phrase) for phrase in private]
        assert not [code for code in codes if any(code in phrase for phrase in digits)], view.name
        assert not [name for name in NAMES if any(name in phrase for phrase in aloud)], view.name


@pytest.mark.parametrize("tale", TALES, ids=[tale.title for tale in TALES])
async def test_story(tale: ErrandStory, tmp_path: Path) -> None:
    with quick_folder(tmp_path) as folder:
        room, someone, ended = await play(folder, tale, befall=show_room, person=Witness)
        try:
            assert_no_false_tick(someone)
            assert_no_secret_is_said(someone)
            assert_each_view_has_a_sample(someone)
            if someone.failure is not None:
                raise someone.failure
            assert (ended.outcome, ended.reason) == (tale.outcome, tale.reason)
            left = iter(someone.names)
            assert all(name in left for name in tale.views), f"{tale.views} in {someone.names}"
            told = [one for one in await room.told() if one not in ("errand.started", f"ended {ended.outcome}")]
            assert tale.events is None or tuple(told) == tale.events
            await assert_ended_somehow(room, someone, ended, tale, "")
            tale.check(room)
        finally:
            await room.close()


@pytest.mark.parametrize(("tale", "trouble"), PLAYED)
async def test_trouble_at_every_question(tale: ErrandStory, trouble: Trouble, tmp_path: Path) -> None:
    at, asked = 0, 1
    while at < asked:
        at += 1
        folder = tmp_path / f"{at}"
        folder.mkdir()
        with quick_folder(folder) as quick:
            room, someone, ended = await play(quick, tale, Interruption(at, trouble), show_room, Witness)
            try:
                assert_no_false_tick(someone)
                assert_each_view_has_a_sample(someone)
                where = f"{trouble} at question {at} of {tale.title}: {someone.names}"
                await assert_ended_somehow(room, someone, ended, tale, where)
            finally:
                await room.close()
        asked = max(asked, someone.asked if not someone.awkward else at + 1)
    assert at > 3, "the story has more questions than that"


def test_every_errand_has_a_story_that_is_troubled() -> None:
    from kiosk.errands.registry import ERRANDS

    assert {tale.errand for tale in TROUBLED} | {"pickup"} == {errand.id for errand in ERRANDS}
