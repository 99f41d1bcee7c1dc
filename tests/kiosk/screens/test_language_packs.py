"""Languages of packs on the window: what nobody has reviewed is named so, and stands on no page where a code is written."""

from collections.abc import Iterator

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver

pytestmark = pytest.mark.screen

NAMED = "Översättningen är inte granskad"


@pytest.fixture(scope="module")
def foreign() -> Iterator[KivyDriver]:
    """A Swedish station; nobody has reviewed the other language's word for *Clear*, and its voice has another name."""
    packs = {"en": {"unreviewed": ["keypad.clear"], "voice": "smj"}}
    with virtual_display() as display, KivyDriver(display, packs=packs) as driver:
        yield driver


def test_an_unreviewed_translation_is_named_so_in_words_that_are_reviewed(foreign: KivyDriver) -> None:
    foreign.call("reset")
    foreign.show("01-idle")
    assert NAMED not in foreign.call("texts")
    foreign.touch("rail:language")
    assert {"What do you want to do?", "Svenska", NAMED} <= set(foreign.call("texts"))
    assert foreign.call("clipped") == []


def test_a_page_where_a_code_is_written_is_in_the_stations_own_language(foreign: KivyDriver) -> None:
    foreign.call("reset")
    foreign.show("04-envelope-puk")
    swedish = set(foreign.call("texts"))
    foreign.touch("rail:language")
    shown = set(foreign.call("texts"))
    assert shown - swedish == {"Svenska", NAMED}
    assert swedish - shown == {"English"}
    foreign.touch("rail:help")
    assert "Tillbaka till koden" in foreign.call("texts")
    foreign.touch("help:close")
    foreign.show("01-idle")
    assert "What do you want to do?" in foreign.call("texts")


def test_each_language_is_said_by_its_own_voice(foreign: KivyDriver) -> None:
    foreign.call("reset")
    foreign.show("01-idle")
    foreign.touch("rail:language")
    foreign.call("plug_headphones", plugged=True)
    assert set(foreign.call("voices")) == {"smj"}
    foreign.show("04-envelope-puk")
    assert foreign.call("voices")[-1] == "sv"
    foreign.call("plug_headphones", plugged=False)
