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


class IconError(KeyError):
    """A glyph name that the icon font does not hold."""


def register() -> None:
    """Make the fonts known to Kivy under the names above."""
    from kivy.core.text import LabelBase

    for name, (regular, strong) in _FILES.items():
        LabelBase.register(name, str(ASSETS / regular), fn_bold=str(ASSETS / strong))


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
