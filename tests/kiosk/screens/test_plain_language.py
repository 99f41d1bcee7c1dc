"""Every text of the station in plain language: short sentences, and screens that somebody in a hurry reads at once."""

import re
from dataclasses import replace
from typing import Any

import pytest

from kiosk.screens.speech import spoken_sentences
from kiosk.screens.words import ScreenTexts
from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Confirm, Tell, View
from sim.gallery.samples import samples

MOST_WORDS = 15
MOST_LIX = 35
"""Björnsson's readability index: 30 to 40 is easy, as fiction is; the texts of authorities lie at 50 and above."""
LEAST_WORDS = 30
"""On less than that the index says nothing."""
_WORD = re.compile(r"[A-Za-zÅÄÖåäöé-]+")


def sentences(said: str) -> list[list[str]]:
    """Their words; numbers are none."""
    return [words for part in re.split(r"(?<=[.:!?])\s+", said) if (words := _WORD.findall(part))]


def lix(parts: list[list[str]]) -> float:
    """Words in a sentence, and of a hundred words those of more than six letters."""
    words = [word for part in parts for word in part]
    return len(words) / len(parts) + 100 * sum(len(word) > 6 for word in words) / len(words)


def _without_receipt(view: View[Any]) -> View[Any]:
    """A receipt is a form: labels and values, no sentences."""
    return replace(view, receipt=None) if isinstance(view, Confirm | Tell) else view


def test_the_index_is_that_of_its_author() -> None:
    assert lix(sentences("Sätt i kortet. Det är spärrat för gott.")) == pytest.approx(8 / 2 + 100 * 1 / 8)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_has_more_than_fifteen_words(language: str) -> None:
    words = ScreenTexts(Texts.load(), language)
    long = {
        " ".join(part): name
        for name, view in samples()
        for part in sentences(spoken_sentences(view, words))
        if len(part) > MOST_WORDS
    }
    assert long == {}


def test_a_screen_of_thirty_words_is_easy_to_read_in_swedish() -> None:
    words = ScreenTexts(Texts.load(), "sv")
    said = {name: sentences(spoken_sentences(_without_receipt(view), words)) for name, view in samples()}
    hard = {
        name: round(lix(parts), 1)
        for name, parts in said.items()
        if sum(map(len, parts)) >= LEAST_WORDS and lix(parts) > MOST_LIX
    }
    assert hard == {}
