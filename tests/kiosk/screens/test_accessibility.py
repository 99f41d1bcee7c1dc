"""What docs/accessibility.md asks for and no other test has: states by shape, nothing that flashes, a spoken receipt."""

import pytest

from kiosk.screens.speech import view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Confirm, Tell
from sim.gallery.samples import samples
from tests.fakes.screens.kivy_driver import KivyDriver
from tests.fakes.screens.sample_views import SAMPLES

MOST_FLASHES = 3


@pytest.mark.screen
def test_no_state_is_told_by_colour_alone(driver: KivyDriver) -> None:
    for where, glyphs in driver.call("state_signs").items():
        assert len(set(glyphs)) == len(glyphs), where


@pytest.mark.screen
def test_nothing_on_the_screen_flashes(driver: KivyDriver) -> None:
    """A flash is a pair of changes: no pose may be gone before a sixth of a second."""
    rests = list[float]()
    for sample in SAMPLES:
        driver.show(sample)
        rests += driver.call("rests")
    assert rests
    assert min(rests) >= 1 / (2 * MOST_FLASHES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_is_read_to_headphones_and_not_aloud(language: str) -> None:
    words, read = ScreenTexts(Texts.load(), language), 0
    for name, view in samples():
        if not isinstance(view, Confirm | Tell) or view.receipt is None:
            continue
        aloud, private = (" ".join(view_phrases(view, words, private=each)) for each in (False, True))
        title = words.plain(view.receipt.title)
        assert private.count(title) > aloud.count(title), name
        read += 1
    assert read
