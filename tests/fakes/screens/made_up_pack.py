"""Writes language packs for tests: the Swedish texts in a made-up language, with forms for numbers, and some not reviewed."""

from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from kiosk.texts import Texts

FORMS = {"left": ("{left} try", "{left} tries"), "seconds": ("{seconds} second", "{seconds} seconds")}
"""Of texts that have forms: by the argument that has the number."""
COUNTED = {"frame.tries": "left", "listen.seconds": "seconds"}


def write_pack(
    folder: Path,
    translate: Callable[[str], str],
    *,
    direction: str = "ltr",
    unreviewed: Collection[str] = (),
    without: Collection[str] = (),
    voice: str = "fi",
) -> Path:
    """A pack of all texts but `without`; a header whose numbers have two forms."""
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(f'voice = "{voice}"\ndirection = "{direction}"\n')
    catalog = Catalog(locale="fi", fuzzy=False)
    for key, text in Texts.load().catalogues["sv"].items():
        flags = {"fuzzy"} if key in unreviewed else set()
        if key in without:
            continue
        if key in COUNTED:
            catalog.add((key, COUNTED[key]), FORMS[COUNTED[key]], flags=flags)
        else:
            catalog.add(key, translate(text), flags=flags)
    out = BytesIO()
    write_po(out, catalog, width=0)
    (folder / "texts.po").write_bytes(out.getvalue())
    return folder
