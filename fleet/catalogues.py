"""Loader of gettext message catalogues: the texts of several folders as one dictionary for each language.

Station and dashboard both read their texts with it; neither imports the other. Rules:
- A folder holds `LANGUAGE.po`, or `LANGUAGE/*.po`; a msgid is a stable key, its msgstr the text.
- A key stands in one file only, and in all languages: else the catalogues are refused.
- Obsolete and empty entries are no texts.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     for language, text in (("sv", "Hej"), ("en", "Hello")):
...         _ = (Path(folder) / f"{language}.po").write_text(f'msgid "greeting"\\nmsgstr "{text}"\\n')
...     read_catalogues([Path(folder)])
{'sv': {'greeting': 'Hej'}, 'en': {'greeting': 'Hello'}}
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("sv", "en")
"""The languages of every text; the first one is the default."""


def read_catalogues(folders: Iterable[Path]) -> dict[str, dict[str, str]]:
    """The texts of all folders by language and key.

    Raises OSError where a folder has no catalogue of a language, ValueError where a key stands twice or where two
    languages do not have the same keys.
    """
    where = list(folders)
    catalogues = {language: _catalogue(where, language) for language in LANGUAGES}
    every_key: set[str] = set().union(*catalogues.values())
    if lacking := sorted(key for key in every_key if any(key not in texts for texts in catalogues.values())):
        raise ValueError(f"the catalogues do not have the same keys: {lacking}")
    return catalogues


def _catalogue(folders: Iterable[Path], language: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in (file for folder in folders for file in _files(folder, language)):
        with path.open("rb") as file:
            messages = {str(message.id): str(message.string) for message in read_po(file) if message.id}
        if repeated := sorted(texts.keys() & messages.keys()):
            raise ValueError(f"{path}: these keys stand in another file too: {repeated}")
        texts |= {key: text for key, text in messages.items() if text}
    return texts


def _files(folder: Path, language: str) -> Iterator[Path]:
    """Raises FileNotFoundError where there is none."""
    files = [path for path in (folder / f"{language}.po", *sorted((folder / language).glob("*.po"))) if path.is_file()]
    if not files:
        raise FileNotFoundError(f"no texts in {language}: {folder}")
    yield from files
