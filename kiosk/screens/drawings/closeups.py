"""Close-ups: how a card goes in, comes out, is taken from its slot or dropped. A thumbnail of the front shows where."""

from collections.abc import Callable, Sequence

from kiosk.screens import fonts
from kiosk.screens.drawings.machine import (
    BLUE,
    GREEN,
    HOLE,
    PAPER,
    STEEL,
    THIN,
    card,
    card_at_rest,
    card_back,
    chip,
    thumbnail,
)
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.theme import Colours

WIDTH, HEIGHT = 100.0, 118.0
COLUMNS = 6
POSES = 3
"""A card moves in so many steps, from 0 on; dashed frames show those that are to come."""
READER_TOPS, READER_MOUTH = (49.0, 30.0, 12.0), 27.5
DROP_TOPS, DROP_MOUTH = (7.0, 23.0, 37.0), 81.0
DROP_SCALE = 0.8
CARD_HIGH = 63.0
RESTING = (88.0, 75.0)
"""A reader with its card in, and its name above."""
PAIR = (RESTING[0] + WIDTH, HEIGHT + 2)


def reader(pen: Pen, colours: Colours, motion: str, pose: int = 0, where: str = "reader") -> None:
    """The reader, lit, with the card on its way in, or out. `where` is its part of the machine."""
    if motion == "turn":
        _turning(pen, colours, pose, where)
        return
    _slot_above(pen, colours, (16, 14, 68, 26, 5), (24, 24.5, 52, 5))
    tops = READER_TOPS if motion == "in" else READER_TOPS[::-1]
    top = tops[pose]
    free = (READER_MOUTH, top + 0.5) if motion == "in" else (top + CARD_HIGH - 0.5, HEIGHT)
    for ahead in tops[pose + 1 :]:
        pen.dashed(30, ahead, 40, CARD_HIGH, 3, colours.lamp, within=free)
    with pen.between(READER_MOUTH, HEIGHT):
        card(pen, 30, top)
    start, end = (86, 56) if motion == "in" else (56, 86)
    pen.arrow(84, start, end, colours.lamp)
    thumbnail(pen, colours, 4.5, 86, 0.17, where)


def at_rest(pen: Pen, colours: Colours) -> None:
    """The holder's reader with its card in: nothing is lit, and nothing points anywhere."""
    pen.rect(16, 24, 68, 26, 5, colours.rail_part, colours.rail_edge, 0.8)
    pen.rect(24, 34.5, 52, 5, 2.5, HOLE, colours.rail_edge, 0.6)
    with pen.between(37.5, HEIGHT):
        card(pen, 30, 18)
    card_at_rest(pen, colours, 4.5, 86, 0.17)


def resting(pen: Pen, colours: Colours, labels: Sequence[str]) -> None:
    """Readers beside each other, each under its name, with their cards in: nothing is lit. Each is RESTING wide and high."""
    for at, label in enumerate(labels):
        _unlit(pen.moved(at * RESTING[0], 0, 1), colours, label, card_in=True)


def pair(
    pen: Pen, colours: Colours, labels: tuple[str, str], lit: int, close_up: Callable[[Pen], None], *, card_in: bool
) -> None:
    """Both readers under their names, the holder's to the left: one lit, as `close_up` draws it, and the other empty or, with
    `card_in`, with its card resting."""
    at = 0.0
    for number, label in enumerate(labels):
        if number == lit:
            part = pen.moved(at, 2, 1)
            part.text(label, WIDTH / 2, 7, 9.4, fonts.STRONG, colours.on_rail)
            close_up(part)
            at += WIDTH
        else:
            _unlit(pen.moved(at, 0, 1), colours, label, card_in=card_in)
            at += RESTING[0]


def _unlit(pen: Pen, colours: Colours, label: str, *, card_in: bool) -> None:
    pen.text(label, RESTING[0] / 2, 9, 9.4, fonts.STRONG, colours.on_rail)
    pen.rect(10, 16, 68, 26, 5, colours.rail_part, colours.rail_edge, 0.8)
    pen.rect(18, 26.5, 52, 5, 2.5, HOLE, colours.rail_edge, 0.6)
    if card_in:
        with pen.between(29, RESTING[1]):
            card(pen, 24, 10)


def _turning(pen: Pen, colours: Colours, pose: int, where: str) -> None:
    """The card came out with its back up: over it goes, and in with the chip first."""
    if pose == POSES - 1:
        reader(pen, colours, "in", 1, where)
        return
    _slot_above(pen, colours, (16, 14, 68, 26, 5), (24, 24.5, 52, 5))
    if pose == 0:
        card_back(pen, 30, READER_TOPS[0])
    else:
        pen.rect(46, READER_TOPS[0], 8, CARD_HIGH, 2, PAPER, colours.lamp, 0.8)
        pen.dashed(30, READER_TOPS[0], 40, CARD_HIGH, 3, colours.lamp)
    pen.turn(84, 72, 8, colours.lamp)
    thumbnail(pen, colours, 4.5, 86, 0.17, where)


def product_code(pen: Pen, colours: Colours, back: str, front: str) -> None:
    """Draw the place of the product code: on the back of a card, or on the front of one with the SIS mark. `back` and `front`
    name the sides."""
    for x, side, words in ((6.0, card_back, back), (54.0, card, front)):
        side(pen, x, 20)
        pen.text(words, x + 20, 96, 6, fonts.STRONG, colours.on_rail)
    pen.text("SIS", 62, 32, 5, fonts.STRONG, STEEL)
    for x, y in ((11.0, 71.0), (74.0, 59.0)):
        pen.rect(x, y, 17, 9, 1.8, PAPER, colours.lamp, 1.6)
        pen.text("•••", x + 8.5, y + 6.7, 6, fonts.STRONG, STEEL)


def reader_small(pen: Pen, colours: Colours) -> None:
    """The invitation on the home screen, 60 by 98."""
    _slot_above(pen, colours, (5, 8, 50, 20, 4), (9, 16.5, 42, 4), 1.2)
    pen.dashed(10, 18, 40, 63, 3, colours.lamp, within=(19, 34))
    card(pen, 10, 33)


def letter_and_card(pen: Pen) -> None:
    """Draw what to bring, in the same place: the letter that came by post, and the card."""
    pen.rect(2, 4, 46, 60, 2, PAPER, STEEL, 0.6)
    pen.rect(2.3, 4.3, 45.4, 8, 2, BLUE)
    for line in (20.0, 25.0, 30.0):
        pen.line(8, line, 42, line, THIN, 1.2)
    card(pen, 18, 33)


def card_that_works(pen: Pen) -> None:
    """Draw what one leaves with, in the same place: a card that works."""
    card(pen, 10, 20)
    pen.disc(48, 80, 12, PAPER)
    pen.disc(48, 80, 10.5, GREEN)
    pen.line(43, 80.5, 46.8, 84.2, PAPER, 2.2)
    pen.line(46.8, 84.2, 53.4, 76.4, PAPER, 2.2)


def _slot_above(
    pen: Pen, colours: Colours, plate: tuple[float, ...], hole: tuple[float, float, float, float], thick: float = 1.4
) -> None:
    x, y, width, height, radius = plate
    pen.rect(x, y, width, height, radius, colours.rail_part, colours.lamp, thick)
    x, y, width, height = hole
    pen.rect(x, y, width, height, height / 2, HOLE, colours.lamp, 0.8)


def cabinet(pen: Pen, colours: Colours, slots: int, lit: int, lamp: bool = True) -> None:
    """The doors from the front, six in a row, one lit and open with the card in it. Its lamp is on or, for a moment, off."""
    rows = -(-slots // COLUMNS)
    scale = min(1.0, 4 / max(1, rows))
    doors = pen.moved((WIDTH - WIDTH * scale) / 2, 12 - 12 * scale, scale)
    for slot in range(1, slots + 1):
        if slot != lit:
            _door(doors, colours, slot)
    if 1 <= lit <= slots:
        _open_door(doors, colours, lit, lamp)
        middle = (WIDTH - WIDTH * scale) / 2 + (13.5 + (lit - 1) % COLUMNS * 14.6) * scale
        pen.arrow(middle, 93, 109, colours.lamp)
    thumbnail(pen, colours, 78, 93, 0.16, "slots")


def _corner(slot: int) -> tuple[float, float]:
    return 7 + (slot - 1) % COLUMNS * 14.6, 12 + (slot - 1) // COLUMNS * 19.6


def _door(pen: Pen, colours: Colours, slot: int) -> None:
    x, y = _corner(slot)
    pen.rect(x, y, 13, 18, 2, colours.rail_part, colours.rail_edge, 0.5)
    pen.text(str(slot), x + 6.5, y + 10.9, 4.4, fonts.MEDIUM, colours.on_rail)


def _open_door(pen: Pen, colours: Colours, slot: int, lamp: bool) -> None:
    x, y = _corner(slot)
    pen.rect(x - 1.5, y - 1.5, 16, 21, 2.6, colours.lamp if lamp else colours.rail_part)
    pen.rect(x + 1.6, y + 2.2, 9.8, 8.4, 1, PAPER, colours.on_lamp, 0.5)
    chip(pen, x + 4.4, y + 4.4, 4.2, 3.4)
    pen.text(str(slot), x + 6.5, y + 16.8, 6.2, fonts.DISPLAY, colours.on_lamp if lamp else colours.on_rail)


def drop(pen: Pen, colours: Colours, returns: str, pose: int = 0) -> None:
    """The drop slot, lit, with the card on its way down."""
    pen.rect(10, 68, 80, 40, 5, colours.rail_part, colours.rail_edge, 0.8)
    pen.rect(20, 77, 60, 8, 4, HOLE, colours.lamp, 1.4)
    pen.text(returns, 50, 99, 6.4, fonts.STRONG, colours.on_rail)
    top, high = DROP_TOPS[pose], CARD_HIGH * DROP_SCALE
    for ahead in DROP_TOPS[pose + 1 :]:
        pen.dashed(34, ahead, 32, high, 2.4, colours.lamp, within=(top + high - 0.5, DROP_MOUTH))
    with pen.between(0, DROP_MOUTH):
        card(pen.moved(34, top, DROP_SCALE), 0, 0)
    pen.arrow(80, 22, 52, colours.lamp)
    thumbnail(pen, colours, 6, 8, 0.17, "drop")


def mark(pen: Pen, colours: Colours) -> None:
    """The station's own mark on the rail, 22 by 22: a lit slot and a card under it."""
    pen.rect(1, 3, 20, 3, 1.5, colours.lamp)
    for x1, y1, x2, y2 in ((5, 8, 5, 16), (17, 8, 17, 16), (8, 19, 14, 19)):
        pen.line(x1, y1, x2, y2, colours.on_rail, 2)
    pen.arc(8, 16, 3, colours.on_rail, 2, 180, 270)
    pen.arc(14, 16, 3, colours.on_rail, 2, 90, 180)
    pen.rect(8.5, 10, 5, 4, 1, colours.on_rail)
