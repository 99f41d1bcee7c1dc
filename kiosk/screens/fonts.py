"""Fonts: Inter for text, Inter Display for titles and digits, and one font of glyphs, all carried in `assets/`.

A text's strong parts (`[b]`) are SemiBold. Glyphs have the names of Material Design Icons.

>>> glyph("check")
'\\U000f012c'
"""

from functools import cache
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
TEXT = "Inter"
MEDIUM = "Inter Medium"
STRONG = "Inter SemiBold"
DISPLAY = "Inter Display"
DIGIT = "Inter Display Medium"
ICONS = "Icons"

_FILES = {
    TEXT: ("Inter-Regular.otf", "Inter-SemiBold.otf"),
    MEDIUM: ("Inter-Medium.otf", "Inter-SemiBold.otf"),
    STRONG: ("Inter-SemiBold.otf", "Inter-SemiBold.otf"),
    DISPLAY: ("InterDisplay-SemiBold.otf", "InterDisplay-SemiBold.otf"),
    DIGIT: ("InterDisplay-Medium.otf", "InterDisplay-SemiBold.otf"),
    ICONS: ("icons.ttf", "icons.ttf"),
}

_LOOK_PX, _NO_LETTER = 24, "\U0010fffe"
"""Unicode has no such letter: a font draws its box for it."""


class IconError(KeyError):
    """A glyph name that the icon font does not hold."""


def register() -> None:
    """Make the fonts known to Kivy under the names above."""
    from kivy.core.text import LabelBase

    for name, (regular, strong) in _FILES.items():
        LabelBase.register(name, str(ASSETS / regular), fn_bold=str(ASSETS / strong))


def undrawn(letters: str) -> str:
    """Those letters that some font of text has no glyph for, in order."""
    from PIL import ImageFont

    files = {file for name, pair in _FILES.items() if name != ICONS for file in pair}
    missing: set[str] = set()
    for file in files:
        font = ImageFont.truetype(str(ASSETS / file), _LOOK_PX)
        drawn = {
            letter: (mask.size, bytes(mask)) for letter in {*letters, _NO_LETTER} for mask in [font.getmask(letter)]
        }
        missing |= {letter for letter in letters if drawn[letter] == drawn[_NO_LETTER]}
    return "".join(sorted(missing))


@cache
def glyphs() -> dict[str, str]:
    """Name to character, for every glyph of the icon font."""
    rows = (ASSETS / "icons.txt").read_text(encoding="ascii").splitlines()
    return {name: chr(int(code, 16)) for name, code in (row.split() for row in rows if not row.startswith("#"))}


def glyph(name: str) -> str:
    """The character of a glyph. Raises IconError."""
    try:
        return glyphs()[name]
    except KeyError:
        raise IconError(name) from None
