"""Internationalization of the station: every sentence has a key, and a Swedish and an English form, in gettext catalogues.

The catalogues lie here (`LANGUAGE/*.po`), and in a folder `texts` beside what says them (`LANGUAGE.po`), as those of each
errand do. msgid is a stable key, msgstr the sentence. `{name}` takes an argument, `**so**` is strong. A missing key is an
error at once, not a hole on the screen.

>>> from kiosk.views import say
>>> Texts.load().render(say("frame.step", at=3, of=4), "sv")
'Steg 3 av 4'
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleet.catalogues import LANGUAGES, read_catalogues
from fleet.messages.errand_catalog import LABEL_PREFIX, texts_folders
from kiosk.views.parts import Argument, Local, Say

__all__ = ["LANGUAGES", "TextError", "Texts"]
_STRONG = re.compile(r"\*\*(.+?)\*\*")


class TextError(KeyError):
    """A key that the catalogues do not hold, or an argument that a sentence wants and did not get."""


@dataclass(frozen=True, slots=True)
class Texts:
    """All sentences in all languages."""

    catalogues: dict[str, dict[str, str]]

    @staticmethod
    @cache
    def load() -> "Texts":
        here = Path(__file__).parent
        beside = here.parent.glob("*/texts")
        catalogues = read_catalogues([here, *sorted(folder for folder in beside if folder.is_dir()), *texts_folders()])
        return Texts(
            {
                language: {key: text for key, text in texts.items() if not key.startswith(LABEL_PREFIX)}
                for language, texts in catalogues.items()
            }
        )

    def render(self, text: Say | str, language: str) -> str:
        """The sentence with its marks of strength. Raises TextError."""
        if isinstance(text, str):
            return text
        try:
            sentence = self.catalogues[language][text.key]
            return sentence.format(**{name: self._argument(value, language) for name, value in text.args})
        except KeyError as error:
            raise TextError(f"{language}: {text.key}: {error.args[0]} is missing") from None

    def plain(self, text: Say | str, language: str) -> str:
        """The sentence as it is spoken or printed: without marks."""
        return _STRONG.sub(r"\1", self.render(text, language))

    def markup(self, text: Say | str, language: str, start: str, end: str) -> str:
        """The sentence with its strong parts between `start` and `end`."""
        return _STRONG.sub(rf"{start}\1{end}", self.render(text, language))

    def _argument(self, value: Argument, language: str) -> str:
        if isinstance(value, Local):
            return value.said_in(language)
        return self.render(value, language) if isinstance(value, Say) else str(value)
