"""Languages of packs on the window: what nobody has reviewed is named so, and stands on no page where a code is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.made_up_pack import write_pack
from tests.fakes.screens.pack_fit import main

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


def test_whoever_translates_is_told_which_text_is_cut_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = write_pack(tmp_path / "fi", str)
    texts = pack / "texts.po"
    before = texts.read_text()
    texts.write_text(before.replace('msgstr "Byt kod"', 'msgstr "Henkilökorttitunnuslukuvaihtoehtopalvelupiste"'))
    assert texts.read_text() != before
    assert main([str(pack), "home", "puk"], ("7",)) == 1
    said = capsys.readouterr().out
    assert "800x480: home: " in said
    assert ": puk: " not in said
    assert "2 views on 1 panels, at two sizes:" in said
    (pack / "pack.toml").unlink()
    assert main([str(pack)]) == 1
