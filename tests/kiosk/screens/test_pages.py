"""With large text, what does not fit on the smallest panel comes on pages: nothing is left out, and the answers are last."""

import re
from collections.abc import Iterator

import pytest

from kiosk.screens.button_bar import BACK, ON
from kiosk.screens.text import split_text
from kiosk.texts import Texts
from kiosk.views import say
from tests.fakes.machine.display import virtual_display
from tests.fakes.screens.kivy_driver import KivyDriver


@pytest.fixture(scope="module")
def large() -> Iterator[KivyDriver]:
    """The window of a 7 inch panel, with large text."""
    with virtual_display(800, 480) as display, KivyDriver(display, "7") as driver:
        driver.call("set", large_text=True)
        yield driver


@pytest.mark.screen
def test_what_does_not_fit_is_read_page_by_page_and_answered_on_the_last(large: KivyDriver) -> None:
    large.call("show_gallery", sample="terms")
    seen = {text for text in large.call("texts") if "\n" not in text}
    assert ON in large.targets()
    assert not {"accept", BACK} & set(large.targets())
    while ON in large.targets():
        large.touch(ON)
        seen |= set(large.call("texts"))
    assert {
        "Kortet och koden är bara dina",
        "Förlorat kort anmäler du genast",
        "Du lämnar kortet när du slutar",
    } <= seen
    large.touch(BACK)
    assert ON in large.targets()


@pytest.mark.screen
def test_the_pad_has_the_last_page_and_stays_there_once_something_is_typed(large: KivyDriver) -> None:
    large.call("show_gallery", sample="new-pin")
    assert "key:1" not in large.targets()
    while ON in large.targets():
        large.touch(ON)
    large.touch("key:2")
    large.touch("rail:contrast")
    large.touch("rail:contrast")
    assert "key:1" in large.targets()
    assert large.call("typed") == 1


@pytest.mark.screen
def test_what_fits_has_no_pages(large: KivyDriver) -> None:
    large.call("show_gallery", sample="home")
    assert {"pickup", "unblock", "change_pin"} <= set(large.targets())
    assert ON not in large.targets()


@pytest.fixture
def usual(large: KivyDriver) -> Iterator[KivyDriver]:
    """The same window, with text of the usual size."""
    large.call("set", large_text=False)
    yield large
    large.call("set", large_text=True)


@pytest.mark.screen
@pytest.mark.parametrize("sample", ["information-general-reserve", "information-stockholm-block"])
def test_who_helps_comes_on_a_page_rather_than_nowhere(usual: KivyDriver, sample: str) -> None:
    usual.call("show_gallery", sample=sample)
    usual.touch(ON)
    assert any("Hus B, plan 2, rum 214" in text for text in usual.call("texts"))


@pytest.mark.screen
def test_a_heading_stands_on_the_page_of_what_it_heads(usual: KivyDriver) -> None:
    usual.call("show_gallery", sample="unblock-administrator")
    heading = "[b]Fråga ID-administratören[/b]"
    assert heading not in usual.call("texts")
    usual.touch(ON)
    assert {heading, "Hus B, plan 2, rum 214"} <= set(usual.call("texts"))


@pytest.mark.screen
def test_a_receipt_offers_to_go_without_paper_where_the_bar_has_room(usual: KivyDriver) -> None:
    usual.call("show_gallery", sample="activate-receipt")
    assert "without_paper" in usual.targets()
    assert usual.call("clipped") == []


@pytest.mark.screen
def test_all_names_of_a_list_have_one_size(usual: KivyDriver) -> None:
    usual.call("show_gallery", sample="service-menu")
    heights = [high for _, _, _, high in usual.call("places", kind="TileTitle")]
    assert all(high in (min(heights), 2 * min(heights)) for high in heights)


@pytest.mark.screen
def test_the_code_of_an_information_page_is_on_its_last_page(large: KivyDriver) -> None:
    large.call("show_gallery", sample="information-stockholm-order")
    while ON in large.targets():
        large.touch(ON)
    ((_, _, _, sheet),) = large.call("places", kind="ScanSlip")
    assert max(high for _, _, _, high in large.call("places", kind="Figure")) > sheet / 3


@pytest.mark.screen
@pytest.mark.parametrize("language", ["sv", "en"])
def test_tiles_beside_a_card_have_their_names_on_one_line(large: KivyDriver, language: str) -> None:
    large.call("set", large_text=False, language=language)
    try:
        large.call("show_gallery", sample="home-with-card")
        (line,) = {high for _, _, _, high in large.call("places", kind="ButtonText")}
        assert all(high < 1.5 * line for _, _, _, high in large.call("places", kind="TileTitle"))
    finally:
        large.call("set", large_text=True, language="sv")


def test_a_text_is_cut_after_a_sentence_where_that_leaves_no_piece_under_half() -> None:
    assert list(split_text("Ett två. Tre fyra fem.", lambda text: len(text) <= 14)) == ["Ett två.", "Tre fyra fem."]
    assert list(split_text("Ett. Två tre fyra fem sex.", lambda text: len(text) <= 21)) == [
        "Ett. Två tre fyra fem",
        "sex.",
    ]


def test_what_is_strong_stays_strong_in_each_piece() -> None:
    pieces = list(split_text("Det [b]går inte att[/b] ångra.", lambda text: len(text) <= 14))
    assert pieces == ["Det [b]går[/b]", "[b]inte att[/b]", "ångra."]


def test_a_word_that_fits_nowhere_is_a_piece_of_its_own() -> None:
    assert list(split_text("ett oändligtlångt ord", lambda text: len(text) <= 5)) == ["ett", "oändligtlångt", "ord"]


@pytest.mark.screen
@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_time_out_says_what_follows_and_lets_answer_on_one_page(large: KivyDriver, language: str) -> None:
    """It runs out while somebody turns pages."""
    large.call("set", language=language, card_in=True)
    large.show("04-envelope-puk")
    large.call("warn", seconds=20)
    try:
        assert {"timeout:more", "timeout:end"} <= set(large.targets())
        assert ON not in large.targets()
        texts = Texts.load()
        shown = {re.sub(r"\[/?b\]", "", text).replace("\n", " ") for text in large.call("texts")}
        for key in ("timeout.title", "timeout.short", "timeout.card"):
            assert texts.plain(say(key), language) in shown
        assert large.call("clipped") == []
    finally:
        large.touch("timeout:more") if "timeout:more" in large.targets() else large.call("reset")
        large.call("set", language="sv", card_in=False, large_text=True)


@pytest.mark.screen
@pytest.mark.parametrize("language", ["sv", "en"])
def test_the_small_panel_says_in_words_what_slots_and_machine_are(large: KivyDriver, language: str) -> None:
    """No mark stands alone: each has its words in the legend or beside it."""
    large.call("set", language=language, large_text=False)
    try:
        large.call("show_gallery", sample="admin-home")
        texts, shown = Texts.load(), set(large.call("texts"))
        looks = ("card", "reserve", "soon", "broken")
        assert {texts.plain(say(f"admin.look.{look}"), language) for look in looks} <= shown
        assert {
            texts.plain(say("admin.state.out_of_paper"), language),
            texts.plain(say("admin.good"), language),
        } <= shown
        assert large.call("clipped") == []
    finally:
        large.call("set", language="sv", large_text=True)
