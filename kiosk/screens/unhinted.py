"""Text of Kivy that is measured as it is drawn.

Kivy opens a font with hinting, anew whenever 64 others were used between, and takes that off as it first draws with it. What was
measured before is up to a hundredth wider or narrower, and its letters stay so: a word would break for a pixel, on one day and
not on the other. So a font is drawn with before it measures.
"""

from kivy.core.text import Label
from kivy.core.text._text_sdl2 import _SurfaceContainer


def core_label(text: str, font_name: str, font_size: int) -> Label:
    """Kivy's own label of one text. `font_size`: pixels."""
    unhint(font_name, font_size)
    return Label(text=text, font_name=font_name, font_size=font_size, font_hinting=None)


def unhint(font_name: str, font_size: int, *, strong: bool = False) -> None:
    """Have a font of so many pixels, and its `strong` one, measure as it draws."""
    for bold in (False, True)[: 1 + strong]:
        label = Label(font_name=font_name, font_size=font_size, bold=bold, font_hinting=None)
        _SurfaceContainer(1, 1).render(label, " ", 0, 0)
