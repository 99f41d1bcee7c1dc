"""Begins a language pack, or checks one (docs/languages.md).

python -m scripts.language_pack begin fi packs/fi     # every text with the Swedish and English beside it, none translated
python -m scripts.language_pack check packs/fi        # what is missing or wrong; 1 where anything is
"""

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from kiosk.texts import LanguagePackError, Texts
from kiosk.texts.language_pack import PACK_FILE, read_language_pack

CATALOGUE = "texts.po"


def main(words: Sequence[str]) -> int:
    """Exit code 0, 1 where the pack is not whole, 2 for bad usage."""
    match list(words):
        case ["begin", language, folder]:
            return begin(language, Path(folder))
        case ["check", folder]:
            return check(Path(folder))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


def begin(language: str, folder: Path) -> int:
    """Write a pack that waits for its translator. Exit code 2 where there is one, or no such language."""
    try:
        catalog = Catalog(locale=language, fuzzy=False)
        folder.mkdir(parents=True)
    except (UnknownLocaleError, ValueError, FileExistsError) as error:
        print(f"language_pack: {error}", file=sys.stderr)
        return 2
    swedish, english = (Texts.load().catalogues[code] for code in ("sv", "en"))
    for key, text in swedish.items():
        catalog.add(key, "", auto_comments=[f"sv: {text}", f"en: {english[key]}"], flags={"fuzzy"})
    out = BytesIO()
    write_po(out, catalog, width=0)
    (folder / CATALOGUE).write_bytes(out.getvalue())
    (folder / PACK_FILE).write_text(f'voice = "{language}"\ndirection = "{catalog.locale.text_direction}"\n')
    print(f"{folder}: {len(swedish)} texts")
    return 0


def check(folder: Path) -> int:
    """Say what is wrong, or how much is not reviewed."""
    try:
        pack, texts = read_language_pack(folder, Texts.load().catalogues["sv"])
    except LanguagePackError as error:
        print("\n".join(error.faults))
        return 1
    print(f"{folder}: {len(texts)} texts, {len(pack.unreviewed)} not reviewed, {len(pack.plurals)} with forms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
