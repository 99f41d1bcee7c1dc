"""Texts for Kivy labels, in the language of the moment, with markup escaped."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from kiosk.texts import Texts
from kiosk.views import Say, View, say

_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_STRONG = re.compile(r"\*\*(.+?)\*\*([.,:;?]*)")
"""With the sign that follows: a line may end where the strong part does, and none begins with a full stop."""
_HARD_SPACE = "\u00a0"
AROUND = ("frame.", "keypad.", "policy.")
"""Keys of texts that stand around every question, or on every pad."""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("[", "&bl;").replace("]", "&br;")


@dataclass(frozen=True)
class ScreenTexts:
    texts: Texts
    language: str

    def __call__(self, text: Say | str) -> str:
        """The sentence in Kivy's markup: `**so**` becomes strong, brackets stay brackets, no line breaks inside a number."""
        sentence = _escaped(self.texts.render(text, self.language))
        return _STRONG.sub(r"[b]\1\2[/b]", _BETWEEN_DIGITS.sub(_HARD_SPACE, sentence))

    def plain(self, text: Say | str) -> str:
        """The sentence as it is spoken."""
        return self.texts.plain(text, self.language)

    def frame(self, key: str, **args: str | int) -> str:
        """A sentence of the frame itself."""
        return self(say(key, **args))

    @property
    def other(self) -> "ScreenTexts":
        """The other language, or the next of several: the one that the language button names."""
        languages = self.texts.languages
        return ScreenTexts(self.texts, languages[(languages.index(self.language) + 1) % len(languages)])

    @property
    def voice(self) -> str:
        """The speech synthesizer's name of the language."""
        return self.texts.pack(self.language).voice

    def has_unreviewed(self, view: View[Any]) -> bool:
        """Return whether the view, or the frame around it, has a text that nobody has reviewed."""
        unreviewed = self.texts.pack(self.language).unreviewed
        return bool(unreviewed) and (
            any(key in unreviewed for key in text_keys(view)) or any(key.startswith(AROUND) for key in unreviewed)
        )


def text_keys(part: Any) -> Iterator[str]:
    """The keys of all texts of a view."""
    if isinstance(part, Say):
        yield part.key
        yield from text_keys(tuple(value for _, value in part.args))
    elif isinstance(part, tuple):
        for each in part:
            yield from text_keys(each)
    elif is_dataclass(part):
        yield from text_keys(tuple(getattr(part, field.name) for field in fields(part)))
