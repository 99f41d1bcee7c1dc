"""Which letters the fonts of the screen draw: texts in others would be empty boxes."""

from pathlib import Path

FONTS = Path(__file__).parents[1] / "screens" / "assets"
_LOOK_PX, _NO_LETTER = 24, "\U0010fffe"
"""Unicode has no such letter: a font draws its box for it."""


def undrawn(letters: str) -> str:
    """Those letters that some font of text has no glyph for, in order.

    >>> undrawn("åŋđ שΩ")
    'Ωש'
    """
    from PIL import ImageFont  # only where there is a language pack

    missing: set[str] = set()
    for file in sorted(FONTS.glob("Inter*.otf")):
        font = ImageFont.truetype(str(file), _LOOK_PX)
        drawn = {
            letter: (mask.size, bytes(mask)) for letter in {*letters, _NO_LETTER} for mask in [font.getmask(letter)]
        }
        missing |= {letter for letter in letters if drawn[letter] == drawn[_NO_LETTER]}
    return "".join(sorted(missing))
