"""The station as it stands in front of the holder. One drawing, always the same; only the lit part moves."""

from kiosk.screens import fonts
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.theme import Colours, rgb

WIDTH, HEIGHT = 120.0, 144.0
PAPER, STEEL, BLUE, GREEN = rgb("#FBFAF7"), rgb("#0C2A36"), rgb("#0A4D68"), rgb("#14653C")
GOLD, GOLD_LINE = rgb("#D8BF7A"), rgb("#7A6630")
GREY, SHADE, STROKE, THIN = rgb("#C9D6DB"), rgb("#8FA5AE"), rgb("#5F727A"), rgb("#A9B7BD")
HOLE = rgb("#02090C")
_PARTS = {
    "reader": (14.0, 74.0, 36.0, 11.0),
    "printer": (53.0, 74.0, 14.0, 11.0),
    "administrator": (70.0, 74.0, 36.0, 11.0),
    "drop": (66.0, 95.0, 40.0, 30.0),
}
"""The holder's reader to the left, the receipt in the middle, the administrator's reader to the right."""


def front(pen: Pen, colours: Colours, lit: tuple[str, ...] = (), returns: str = "") -> None:
    """The whole front. `returns` is the word on the drop slot; without it the drawing is a thumbnail."""
    line, part = colours.rail_edge, colours.rail_part
    pen.rect(4, 4, 112, 136, 7, colours.rail, line, 1)
    pen.rect(14, 14, 92, 50, 3, part, colours.lamp if "screen" in lit else line)
    for name, (x, y, width, height) in _PARTS.items():
        on = name in lit
        middle = y + 10 if name == "drop" else y + height / 2
        pen.rect(x, y, width, height, 2.5, colours.lamp if on else part, colours.lamp if on else line)
        margin = width / 5
        pen.line(x + margin, middle, x + width - margin, middle, colours.on_lamp if on else line, 1.6)
    if returns:
        pen.text(returns, 86, 119, 4.8, fonts.STRONG, colours.on_lamp if "drop" in lit else colours.on_rail)
    for slot in range(24):
        pen.rect(14 + slot % 6 * 6.8, 95 + slot // 6 * 7.8, 6, 6.6, 1, part, line, 0.6)
    if "slots" in lit:
        pen.rect(12, 93, 44, 34, 3, stroke=colours.lamp, thick=4)


def thumbnail(pen: Pen, colours: Colours, x: float, y: float, scale: float, *lit: str) -> None:
    """Draw the station's front, small, to show where the lit parts are."""
    front(pen.moved(x, y, scale), colours, lit)


def card_at_rest(pen: Pen, colours: Colours, x: float, y: float, scale: float) -> None:
    """Draw that thumbnail with a card in the holder's reader, and nothing lit."""
    thumbnail(pen, colours, x, y, scale)
    small = pen.moved(x, y, scale)
    small.rect(20, 79, 24, 22, 2, PAPER, STEEL, 1)
    small.rect(20.5, 95, 23, 5.5, 1, BLUE)


def chip(pen: Pen, x: float, y: float, width: float = 10, height: float = 8) -> None:
    """The contacts of a card."""
    pen.rect(x, y, width, height, 1.4, GOLD, GOLD_LINE, 0.4)
    third, middle = width / 3, y + height / 2
    for bar in (x + third, x + 2 * third):
        pen.line(bar, y, bar, y + height, GOLD_LINE, 0.4)
    pen.line(x, middle, x + third, middle, GOLD_LINE, 0.4)
    pen.line(x + 2 * third, middle, x + width, middle, GOLD_LINE, 0.4)


def card_back(pen: Pen, x: float, y: float) -> None:
    """The back of that card: a stripe, and no chip."""
    pen.rect(x, y, 40, 63, 3, PAPER, STEEL, 0.6)
    pen.rect(x, y + 8, 40, 9, 0, SHADE)
    pen.rect(x + 5, y + 24, 30, 7, 0.8, GREY)
    for line in (40.0, 44.5, 49.0):
        pen.line(x + 6, y + line, x + 34, y + line, THIN, 1.2)


def card(pen: Pen, x: float, y: float) -> None:
    """A card on its short side, chip up, 40 by 63."""
    pen.rect(x, y, 40, 63, 3, PAPER, STEEL, 0.6)
    chip(pen, x + 15, y + 7)
    pen.rect(x + 5, y + 26, 13, 16, 1.2, GREY)
    pen.disc(x + 11.5, y + 32, 3, SHADE)
    pen.dome(x + 11.5, y + 42, 10, 5.2, SHADE)
    pen.line(x + 22, y + 29, x + 35, y + 29, STROKE, 1.5)
    pen.line(x + 22, y + 33.5, x + 32, y + 33.5, THIN, 1.2)
    pen.line(x + 22, y + 38, x + 34, y + 38, THIN, 1.2)
    pen.rect(x + 0.3, y + 50, 39.4, 12.7, 3, BLUE)
    pen.rect(x + 0.3, y + 50, 39.4, 5, 0, BLUE)
