"""Internationalization of pages: texts in Swedish and English, and how numbers and times are written.

The texts are gettext catalogues, `texts/LANGUAGE.po` in each room of the server, whose msgids are stable keys; the labels of
errands (`kind.ID`) are in the folders of the errands. They are read once, at the start. A key that is missing is our error and
raises KeyError. Where a number decides the form, the keys end in `.one` and `.other`.

>>> texts = load()["sv"]
>>> texts("nav.errands")
'Ärenden'
>>> texts.many("page.todo", 3)
'Tre saker behöver dig.'
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal

from fleet.catalogues import read_catalogues
from fleet.messages.errand_catalog import LABEL_PREFIX, texts_folders
from fleet.server.pages import rooms

LANGUAGES = {"sv": "sv_SE", "en": "en_GB"}
"""Language of a page to the locale that writes its numbers and times; the first one is the default."""

_LOCALES = {language: Locale.parse(locale) for language, locale in LANGUAGES.items()}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SPELLED_TO = 12


@dataclass(frozen=True, slots=True)
class Localization:
    """One language. `zone` is the zone that times are written in; None is the server's own."""

    language: str
    catalogue: dict[str, str]
    zone: tzinfo | None = None

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of that key with its values filled in. Raises KeyError for a key that is not in the catalogue."""
        return self.catalogue[key].format(**values) if values else self.catalogue[key]

    def has(self, key: str) -> bool:
        """Return whether the catalogue has that text: for codes that come from elsewhere."""
        return key in self.catalogue

    def code(self, family: str, code: str) -> str:
        """A stable code in words; one that is not known is shown as it is, so that nothing is hidden."""
        key = f"{family}.{code}"
        return self(key) if self.has(key) else self(f"{family}.other", code=code)

    def many(self, key: str, count: int, **values: object) -> str:
        """The text for that many, with the number spelled out where that reads better."""
        text = self(
            f"{key}.one" if count == 1 else f"{key}.other", count=self.number(count), n=self.spelled(count), **values
        )
        return text[:1].upper() + text[1:]

    def spelled(self, count: int) -> str:
        """The number as a word up to twelve, in digits from there."""
        return self(f"number.{count}") if 0 <= count <= _SPELLED_TO else self.number(count)

    def number(self, value: int) -> str:
        """A whole number with the language's grouping."""
        return _grouped(value, LANGUAGES[self.language])

    def serial(self, value: int) -> str:
        """A running number of the chain, in groups of three."""
        return f"{value:,}".replace(",", "\u202f")

    def clock(self, when: datetime, *, seconds: bool = False) -> str:
        return str(format_time(self._local(when), "HH:mm:ss" if seconds else "HH:mm", locale=self._locale))

    def moment(self, when: datetime) -> str:
        """Day and time of day."""
        return str(format_datetime(self._local(when), "d MMM HH:mm", locale=self._locale)).replace(".", "")

    def today(self, when: datetime) -> str:
        return str(format_date(self._local(when).date(), "EEE d MMM", locale=self._locale)).replace(".", "")

    def day(self, iso: str, *, year: bool = True) -> str:
        """A calendar day given as ISO 8601; what is no day is shown as it is."""
        form = "d MMM y" if year else "d MMM"
        try:
            return str(format_date(date.fromisoformat(iso), form, locale=self._locale)).replace(".", "")
        except ValueError:
            return iso

    def since(self, when: datetime | None, now: datetime) -> str:
        """Return the words for how long ago that was, in the largest whole unit."""
        if when is None:
            return self("age.never")
        seconds = max(0, int((now - when).total_seconds()))
        for unit, size in (("days", _DAY), ("hours", _HOUR), ("minutes", _MINUTE)):
            if seconds >= size:
                return self(f"age.{unit}", n=seconds // size)
        return self("age.seconds", n=seconds)

    def lately(self, when: datetime, now: datetime) -> str:
        """The same for what is no measure: within a minute it is just now."""
        return self.since(when, now) if (now - when).total_seconds() >= _MINUTE else self("age.now")

    def _local(self, when: datetime) -> datetime:
        return when.astimezone(self.zone)

    @property
    def _locale(self) -> Locale:
        return _LOCALES[self.language]


def load(zone: tzinfo | None = None, folders: Iterable[Path] | None = None) -> dict[str, Localization]:
    """All languages, of all rooms or of those folders. Raises what `read_catalogues` raises."""
    catalogues = _of_all_rooms() if folders is None else read_catalogues(folders)
    return {language: Localization(language, catalogues[language], zone) for language in LANGUAGES}


@cache
def _of_all_rooms() -> dict[str, dict[str, str]]:
    catalogues = read_catalogues(rooms.folders("texts"))
    for language, texts in read_catalogues(texts_folders()).items():
        catalogues[language] |= {key: text for key, text in texts.items() if key.startswith(LABEL_PREFIX)}
    return catalogues


def choose(requested: str | None, kept: str | None, accepted: str | None) -> str:
    """The language of a page: what the address asks for, else the cookie, else the browser's list, else Swedish."""
    for wish in (requested, kept):
        if wish in LANGUAGES:
            return wish
    wishes = [part.partition(";")[0].strip() for part in (accepted or "").split(",")[:10]]
    return negotiate_locale([wish for wish in wishes if wish], list(LANGUAGES), sep="-") or next(iter(LANGUAGES))


@lru_cache(maxsize=4096)
def _grouped(value: int, locale: str) -> str:
    """A list writes the same small numbers hundreds of times."""
    return str(format_decimal(value, locale=locale))


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time of an event; None where a station wrote something else."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
