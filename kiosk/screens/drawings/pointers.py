"""Pointers to what is to be read or typed, lit: a line of the letter, the number on a card, the cells of a code."""

from collections.abc import Sequence

from kiosk.screens import fonts
from kiosk.screens.drawings.machine import BLUE, GREY, PAPER, SHADE, STEEL, STROKE, THIN, chip
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.theme import Colours

LETTER, FACE, KEYS = (84.0, 112.0), (100.0, 72.0), (84.0, 100.0)
_TOP, _ROW = 44.0, 13.0
_FOUR = "••••"
_DOTS = f"{_FOUR} {_FOUR}"


def letter_page(pen: Pen, colours: Colours, above: str, rows: Sequence[tuple[str, str]], lit: int) -> None:
    """The whole letter with a box of `rows` (what stands there, and its value), of which one is lit; `lit` -1 is the line
    `above` the text. 84 by 112."""
    wide, high = LETTER
    pen.rect(0, 0, wide, high, 1, PAPER, STEEL, 0.6)
    pen.rect(8, 8, 16, 5.4, 0.8, GREY)
    pen.line(52, 9.2, 75, 9.2, STROKE, 1.2)
    pen.line(52, 13.6, 68, 13.6, THIN, 1.2)
    if above:
        _row(pen, colours, 19.5, (above, _DOTS), lit == -1)
    else:
        pen.line(8, 22.5, 37, 22.5, THIN, 1.2)
        pen.line(8, 27, 32, 27, THIN, 1.2)
    for x in (0.0, 80.0):
        pen.line(x, 37, x + 4, 37, THIN, 0.6)
    box = 5 + len(rows) * _ROW
    pen.rect(7.5, _TOP, 69, box, 1.6, PAPER, SHADE, 0.6)
    for at, row in enumerate(rows):
        y = _TOP + 2.5 + at * _ROW
        if at and lit not in (at, at - 1):
            pen.line(12.5, y, 71.5, y, GREY, 0.5)
        _row(pen, colours, y, row, lit == at)
    for y, end in ((box + 53.0, 72.0), (box + 57.5, 65.0), (box + 62.0, 41.0)):
        if y < high - 3:
            pen.line(8, y, end, y, THIN, 1.2)


def _row(pen: Pen, colours: Colours, y: float, row: tuple[str, str], lit: bool) -> None:
    if lit:
        pen.rect(3.5, y, 77, _ROW, 1.8, colours.lamp)
    font, ink = (fonts.STRONG, STEEL) if lit else (fonts.MEDIUM, STROKE)
    size = 5.6 if lit else 4.4
    pen.text(row[0], 12.5, y + 8.4, size, font, ink, before=0)
    pen.text(row[1], 71.5, y + 8.4, size, font, ink, before=1)


def number_on_card(pen: Pen, colours: Colours, lit: int) -> None:
    """The face of a card, lying, with the last digits of its number lit. 100 by 72."""
    _lying(pen)
    chip(pen, 12, 26, 13, 10.5)
    pen.rect(72, 23, 16, 20, 1.4, GREY)
    pen.disc(80, 30.5, 3.8, SHADE)
    pen.dome(80, 43, 12.5, 6.4, SHADE)
    for y, end in ((27.0, 62.0), (32.5, 55.0)):
        pen.line(32, y, end, y, THIN, 1.4)
    _number(pen, colours, (9, 48, 82), 4, lit)


def number_on_document(pen: Pen, colours: Colours, lit: int) -> None:
    """An ID document, lying, with the last digits of its number lit. 100 by 72."""
    _lying(pen)
    pen.rect(11, 24, 24, 31, 1.6, GREY)
    pen.disc(23, 35.5, 5.6, SHADE)
    pen.dome(23, 55, 19, 10, SHADE)
    for y, end in ((43.0, 86.0), (49.0, 74.0), (55.0, 80.0)):
        pen.line(42, y, end, y, THIN, 1.4)
    _number(pen, colours, (39, 22, 54), 2, lit)


def _lying(pen: Pen) -> None:
    pen.rect(2, 4, 96, 64, 4, PAPER, STEEL, 0.6)
    pen.rect(2.3, 4.3, 95.4, 13, 4, BLUE)
    pen.rect(2.3, 12, 95.4, 5.3, 0, BLUE)


def _number(pen: Pen, colours: Colours, place: tuple[float, float, float], fours: int, lit: int) -> None:
    """Groups of four in a place (x, y, width), the last `lit` digits of them lit."""
    x, y, wide = place
    each, dark = wide / fours, max(0, fours - lit // 4)
    pen.rect(x + dark * each, y, wide - dark * each, 13, 2, colours.lamp)
    for at in range(fours):
        font, ink = (fonts.MEDIUM, STROKE) if at < dark else (fonts.STRONG, STEEL)
        pen.text(_FOUR, x + (at + 0.5) * each, y + 9.4, 8.4, font, ink)


def code_keys(pen: Pen, colours: Colours) -> None:
    """The cells of a code, lit, above the keys. 84 by 100."""
    for cell in range(6):
        pen.rect(4 + cell * 13, 4, 11, 14, 2, colours.rail_part, colours.lamp, 1.2)
        if cell < 3:
            pen.disc(9.5 + cell * 13, 11, 2, colours.on_rail)
    for at, key in enumerate(("1", "2", "3", "4", "5", "6", "7", "8", "9", "", "0", "")):
        x, y = 9 + at % 3 * 23, 27 + at // 3 * 18.5
        if key:
            pen.rect(x, y, 20, 15.5, 2.6, colours.rail_part, colours.rail_edge, 0.6)
            pen.text(key, x + 10, y + 11, 9, fonts.DIGIT, colours.on_rail)
