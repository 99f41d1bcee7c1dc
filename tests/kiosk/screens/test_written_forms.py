"""One form of times and days on every screen and receipt, and nothing of the machine's own language in a sentence."""

import re
from datetime import UTC, datetime

import pytest

from kiosk.receipts import template
from kiosk.receipts.template import point_in_time
from kiosk.screens.speech import view_phrases
from kiosk.screens.words import ScreenTexts
from kiosk.texts import LANGUAGES, Texts
from sim.gallery.made_up import FACTS
from sim.gallery.samples import samples

WRONG = {
    "a time with a colon": r"\b\d{1,2}:\d{2}\b",
    "a day of numbers alone": r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b",
    "a part of a certificate's name": r"\b(CN|OU|DC|C|O)=",
    "a name out of the program": r"\b[a-z]+(_[a-z0-9]+)+\b",
    "a word of the program": r"(?i)\b(apdu|json|token|timeout|payload|hash|null|outbox|traceback)\b",
}
OF_THE_HOUSE = {
    "sv": r"(?i)\b(kuvert\w*|givar(e|en|na|ens)|slot(ten)?|envelope)\b",
    "en": r"(?i)\b(sensor reading|outbox)\b",
}


AS_THE_COMPUTER = "check-computer"
"""Says which certificate to choose: with the day as the computer's own window writes it."""


def said(language: str) -> dict[str, list[str]]:
    """The sentences of each screen; what stands alone is read out to the support, and is none."""
    words = ScreenTexts(Texts.load(), language)
    return {
        name: [phrase for phrase in view_phrases(view, words, private=True) if " " in phrase]
        for name, view in samples()
        if name != AS_THE_COMPUTER
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_screen_writes_otherwise(language: str) -> None:
    wrong = {**WRONG, "a word that people do not use": OF_THE_HOUSE[language]}
    found = {
        f"{name}: {what}": match[0]
        for name, phrases in said(language).items()
        for text in phrases
        for what, pattern in wrong.items()
        if (match := re.search(pattern, text))
    }
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_writes_its_time_as_screens_do(language: str) -> None:
    texts = Texts.load()
    when = texts.plain(point_in_time(datetime(2026, 11, 25, 9, 46, tzinfo=UTC), UTC), language)
    assert re.fullmatch(r"25 nov 2026 09\.46", when, re.IGNORECASE)
    lines = [
        texts.plain(line.value, language) if not isinstance(line.value, str) else line.value
        for line in template(FACTS).lines
    ]
    assert not any(re.search(pattern, line) for line in lines for pattern in WRONG.values())
