"""Subject of a view: a card or the station, and beside it what has to do with it. Wide beside a title, high on a stage."""

from kiosk.screens import fonts
from kiosk.screens.drawings.machine import GREY, HEIGHT, PAPER, SHADE, STEEL, STROKE, THIN, card, thumbnail
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.theme import Colour, Colours
from kiosk.views import AboutDrawing

WIDE, HIGH = (100.0, 66.0), (100.0, 118.0)
BOX = (42.0, 46.0)
"""Of the thing."""
LOCKS = frozenset({"lock-alert-outline", "lock-outline", "lock-reset"})
CODES = frozenset({"form-textbox-password"})
DATES = frozenset({"calendar-clock", "update"})
LETTERS = frozenset({"email-outline", "email-seal-outline", "email-open-outline"})
BADGE = 17.0


def wide(pen: Pen, colours: Colours, about: AboutDrawing, badge: Colour | None = None, mark: str = "alert") -> None:
    """Beside each other, 100 by 66; a square in the colour of `badge` in the corner says how it is."""
    if about.of == "card":
        card(pen.moved(9, 8, 0.76), 0, 0)
    else:
        thumbnail(pen, colours, 4, 8, 48 / HEIGHT)
    _thing(pen.moved(49, 8, 1), colours, about.icon)
    if badge is not None:
        x, y = 80.0, 44.0
        pen.rect(x - 1.6, y - 1.6, BADGE + 3.2, BADGE + 3.2, 5.2, colours.rail)
        pen.rect(x, y, BADGE, BADGE, 3.6, badge)
        pen.glyph(fonts.glyph(mark), x + BADGE / 2, y + BADGE / 2, BADGE * 0.68, colours.surface)


def high(pen: Pen, colours: Colours, about: AboutDrawing) -> None:
    """One below the other, 100 by 118."""
    if about.of == "card":
        card(pen.moved(12, 6, 0.96), 0, 0)
    else:
        thumbnail(pen, colours, 8, 4, 62 / HEIGHT)
    _thing(pen.moved(48, 69, 1), colours, about.icon)


def _thing(pen: Pen, colours: Colours, icon: str) -> None:
    if icon in DATES:
        _calendar(pen)
    elif icon in LOCKS:
        _padlock(pen, colours)
    elif icon in CODES:
        _cells(pen, colours)
    elif icon in LETTERS:
        _letter(pen)
    else:
        pen.glyph(fonts.glyph(icon), BOX[0] / 2, BOX[1] / 2, BOX[1], colours.on_rail)


def _calendar(pen: Pen) -> None:
    pen.rect(1, 4, 40, 42, 3, PAPER)
    pen.rect(1, 4, 40, 13, 3, SHADE)
    pen.rect(1, 11, 40, 6, 0, SHADE)
    for x in (11.0, 31.0):
        pen.line(x, 1.5, x, 7, PAPER, 2.4)
    for day in range(10):
        x, y = 6.5 + day % 4 * 8, 21.5 + day // 4 * 8
        pen.rect(x, y, 5.2, 5.2, 1, STEEL if day == 9 else GREY)


def _padlock(pen: Pen, colours: Colours) -> None:
    pen.arc(21, 15, 10.5, colours.on_rail, 4.4, 270, 450)
    for x in (10.5, 31.5):
        pen.line(x, 15, x, 22, colours.on_rail, 4.4)
    pen.rect(4, 20, 34, 26, 4, PAPER)
    pen.disc(21, 30.5, 3.4, STEEL)
    pen.line(21, 31, 21, 38, STEEL, 2.6)


def _cells(pen: Pen, colours: Colours) -> None:
    for cell in range(6):
        x, y = 1 + cell % 3 * 14, 5 + cell // 3 * 20
        pen.rect(x, y, 12, 16, 2.2, colours.rail_part, colours.rail_edge, 0.9)
        pen.disc(x + 6, y + 8, 2, colours.on_rail)


def _letter(pen: Pen) -> None:
    pen.rect(4, 0, 34, 46, 1, PAPER, STEEL, 0.6)
    pen.rect(8, 5, 9, 3.4, 0.6, GREY)
    for y, end in ((14.0, 30.0), (18.0, 26.0)):
        pen.line(8, y, end, y, THIN, 1.1)
    pen.rect(8, 23, 26, 16, 1.2, PAPER, SHADE, 0.6)
    for y, end in ((28.0, 27.0), (33.5, 30.0)):
        pen.line(11, y, end, y, STROKE, 1.4)
