"""Internationalization of the station: every sentence has a key, and a Swedish and an English form, in gettext catalogues.

Other languages are packs, a folder each (`language_pack`). The catalogues of Swedish and English lie here (`LANGUAGE/*.po`), and
in a folder `texts` beside what says them (`LANGUAGE.po`), as those of each errand do. msgid is a stable key, msgstr the sentence.
`{name}` takes an argument, `**so**` is strong. A missing key is an error at once, not a hole on the screen.

>>> from kiosk.views import say
>>> Texts.load().render(say("frame.step", at=3, of=4), "sv")
'Steg 3 av 4'
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fleet.catalogues import LANGUAGES, read_catalogues
from fleet.messages.errand_catalog import LABEL_PREFIX, texts_folders
from kiosk.texts.language_pack import PACK_FILE, LanguagePack, LanguagePackError, read_language_pack
from kiosk.views.parts import Argument, Local, Say

__all__ = ["LANGUAGES", "LanguagePackError", "TextError", "Texts"]
_STRONG = re.compile(r"\*\*(.+?)\*\*")


class TextError(KeyError):
    """A key that the catalogues do not hold, or an argument that a sentence wants and did not get."""


@dataclass(frozen=True, slots=True)
class Texts:
    """All sentences in all languages. `packs` says of languages what is not as in Swedish and English; `refused` why packs are
    not used."""

    catalogues: dict[str, dict[str, str]]
    packs: dict[str, LanguagePack] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    @staticmethod
    @cache
    def load(packs: Path | None = None) -> "Texts":
        """Swedish and English, and the languages whose packs lie in that folder."""
        if packs is not None:
            return _with_packs(Texts.load(), packs)
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
            sentence = self._form(text, language)
            return sentence.format(**{name: self._argument(value, language) for name, value in text.args})
        except KeyError as error:
            raise TextError(f"{language}: {text.key}: {error.args[0]} is missing") from None

    def plain(self, text: Say | str, language: str) -> str:
        """The sentence as it is spoken or printed: without marks."""
        return _STRONG.sub(r"\1", self.render(text, language))

    def markup(self, text: Say | str, language: str, start: str, end: str) -> str:
        """The sentence with its strong parts between `start` and `end`."""
        return _STRONG.sub(rf"{start}\1{end}", self.render(text, language))

    @property
    def languages(self) -> tuple[str, ...]:
        """In the order in which the language button goes through them."""
        return tuple(self.catalogues)

    def pack(self, language: str) -> LanguagePack:
        """Return what the language has beside its texts."""
        return self.packs.get(language) or LanguagePack(language)

    def _form(self, text: Say, language: str) -> str:
        """The sentence, in the form that its number asks for. Raises KeyError."""
        plural = self.pack(language).plurals.get(text.key)
        if plural is None:
            return self.catalogues[language][text.key]
        return plural.forms[plural.form_of(int(str(dict(text.args)[plural.argument])))]

    def _argument(self, value: Argument, language: str) -> str:
        if isinstance(value, Local):
            return value.said_in(language)
        return self.render(value, language) if isinstance(value, Say) else str(value)


def _with_packs(texts: Texts, folder: Path) -> Texts:
    catalogues, packs, refused = dict(texts.catalogues), dict[str, LanguagePack](), list[str]()
    for path in sorted(folder.glob(f"*/{PACK_FILE}")):
        language = path.parent.name
        if language in catalogues:
            refused.append(f"{path.parent}: {language} is there already")
            continue
        try:
            packs[language], catalogues[language] = read_language_pack(path.parent, catalogues[LANGUAGES[0]])
        except LanguagePackError as error:
            refused.append(str(error))
    return Texts(catalogues, packs, tuple(refused))
