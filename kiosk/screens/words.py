"""Texts for Kivy labels, in the language of the moment, with markup escaped."""

import re
from dataclasses import dataclass

from kiosk.texts import LANGUAGES, Texts
from kiosk.views import Say, say

_BETWEEN_DIGITS = re.compile(r"(?<=\d) (?=\d)")
_STRONG = re.compile(r"\*\*(.+?)\*\*([.,:;?]*)")
"""With the sign that follows: a line may end where the strong part does, and none begins with a full stop."""
_HARD_SPACE = "\u00a0"


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
        """The other language: the one that the language button names."""
        at = LANGUAGES.index(self.language)
        return ScreenTexts(self.texts, LANGUAGES[(at + 1) % len(LANGUAGES)])
