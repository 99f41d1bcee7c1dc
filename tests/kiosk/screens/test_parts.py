"""What needs no window: words, what is spoken, the digits of a question, glyphs and colours."""

import pytest

from drivers.reader.secret import Secret
from kiosk.policy import PinPolicy
from kiosk.screens import fonts
from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.speech import spoken_sentences
from kiosk.screens.theme import COLOURS, PANELS, Colours, Theme
from kiosk.screens.words import ScreenTexts
from kiosk.texts import Texts
from tests.fakes.screens.sample_views import SAMPLES
from tests.fakes.screens.sample_words import texts


def test_brackets_in_a_name_are_no_markup() -> None:
    words = ScreenTexts(Texts({"sv": {}, "en": {}}), "sv")
    assert words("Åsa [b]Lindström & co") == "Åsa &bl;b&br;Lindström &amp; co"


def test_a_number_is_never_broken_and_strong_is_strong() -> None:
    words = ScreenTexts(Texts({"sv": {}, "en": {}}), "sv")
    assert words("slutar på **4471 3058**.") == "slutar på [b]4471\u00a03058.[/b]"


def test_an_entry_prints_no_digit_and_is_empty_once_taken() -> None:
    entry = DigitEntry(8)
    for digit in "2047195":
        entry.add(digit)
    entry.erase()
    assert repr(entry) == "Entry(6 of 8)"
    assert [rule.state for rule in entry.judge(PinPolicy(6, 8))] == ["good", "good", "good"]
    assert entry.take() == Secret("204719")
    assert len(entry) == 0


def test_an_entry_takes_no_digit_too_many_and_nothing_else() -> None:
    entry = DigitEntry(2)
    for key in ("1", "x", "²", "2", "3"):
        entry.add(key)
    assert entry.shown() == ("1", "2")


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_view_can_be_spoken_without_marks(sample: str, language: str) -> None:
    said = spoken_sentences(SAMPLES[sample].view, ScreenTexts(texts(), language))
    assert said.endswith(".")
    assert "*" not in said


def test_both_languages_have_the_same_sentences_of_the_frame() -> None:
    own = ("frame.", "help.", "keypad.", "timeout.", "policy.")
    swedish, english = (
        {key for key in Texts.load().catalogues[language] if key.startswith(own)} for language in ("sv", "en")
    )
    assert swedish == english


def test_every_glyph_that_is_named_in_the_design_is_there() -> None:
    for name in ("door-open", "smart-card-off-outline", "backspace-outline", "printer-alert", "wrench-outline"):
        assert len(fonts.glyph(name)) == 1
    with pytest.raises(fonts.IconError):
        fonts.glyph("no-such-glyph")


def _luminance(colour: tuple[float, ...]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", COLOURS.values(), ids=lambda colours: colours.name)
def test_text_has_the_contrast_that_wcag_asks_for(colours: Colours) -> None:
    """WCAG 2, 1.4.3: 4.5; the high-contrast theme keeps 7 (1.4.6)."""
    least = 7.0 if colours.name == "hc" else 4.5
    pairs = [
        (colours.ink, colours.paper),
        (colours.muted, colours.surface),
        (colours.on_primary, colours.primary),
        (colours.on_rail, colours.rail),
        (colours.rail_quiet, colours.rail),
        (colours.ink, colours.warning_soft),
        (colours.muted, colours.off_soft),
    ]
    assert min(_contrast(*pair) for pair in pairs) >= least


@pytest.mark.parametrize("panel", PANELS)
def test_large_text_is_at_least_8_4_mm_where_it_must_be_read(panel: str) -> None:
    sizes = Theme(PANELS[panel], COLOURS["light"]).large_text().sizes  # type: ignore[index]
    assert min(sizes.title, sizes.lead, sizes.body, sizes.label) >= 8.4
