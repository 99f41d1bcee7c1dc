"""On-screen keypad, and the cells that show how many digits are typed.

1 2 3 on top, Rensa to the left, erase to the right. No key changes when it is pressed; progress shows in the cells alone. The
pad never moves between steps. Where A to F are digits it has them in two more columns.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

from kivy.lang import Builder

from drivers.keypad.grabbed_keypad import Key
from kiosk.screens import fonts
from kiosk.screens.background import Framed
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import Touchable
from kiosk.screens.layout import Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.mirroring import Upright
from kiosk.screens.text import Icon, Text
from kiosk.screens.theme import Theme
from kiosk.views import Say, say

PadName = Key | Literal["A", "B", "C", "D", "E", "F"]
FACES: tuple[PadName, ...] = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "erase")
HEXADECIMAL_FACES: tuple[PadName, ...] = (
    "1", "2", "3", "A", "B", "4", "5", "6", "C", "D", "7", "8", "9", "E", "F", "clear", "0", "erase",
)  # fmt: skip
HEXADECIMAL_KEY = 0.85
"""Of its size a key of the wider pad is drawn."""
ROWS = 4
GROUP = 4
SMALLEST = 0.6
"""Of its size a cell may be drawn to fit one row."""
WORDED = 8
"""So many missing digits are said in words."""


class KeyDigit(Text):
    """The digit on a key."""


class KeyWord(Text):
    """The word on a key."""


class PadKey(Touchable, Framed):
    """One key: `face` is what is on it."""

    def __init__(self, face: Flow, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.face = face
        self.add_widget(face)

    def arrange(self) -> None:
        width = min(self.width, self.face.wanted_width())
        height = self.face.height_for(width)
        self.face.place(self.center_x - width / 2, self.center_y + height / 2, width, height)


class QuietKey(PadKey):
    """A key that is no digit."""


class Keypad(Flow):
    """Twelve keys, or eighteen; `press` is told which."""

    def __init__(
        self, press: Callable[[PadName], None], clear: str, *, hexadecimal: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._columns, scale = (5, HEXADECIMAL_KEY) if hexadecimal else (3, 1.0)
        self._key_mm = self.theme.sizes.key * scale
        self.keys = [self._key(name, clear, press) for name in (HEXADECIMAL_FACES if hexadecimal else FACES)]
        for key in self.keys:
            self.add_widget(key)

    def _key(self, name: PadName, clear: str, press: Callable[[PadName], None]) -> PadKey:
        theme = self.theme
        act = lambda: press(name)  # noqa: E731 - a name of its own for each key
        if name == "clear":
            word = Icon(theme=theme, name="close", size_mm=9) if theme.large else KeyWord(theme=theme, text=clear)
            return QuietKey(word, theme=theme, target="key:clear", act=act)
        if name == "erase":
            size = 7 if theme.small_panel else 9
            icon = Icon(theme=theme, name="backspace-outline", size_mm=size)
            return QuietKey(icon, theme=theme, target="key:erase", act=act)
        return PadKey(KeyDigit(theme=theme, text=name), theme=theme, target=f"key:{name}", act=act)

    def parts(self, width: float) -> list[Flow]:
        return []

    def wanted_width(self) -> float:
        return self._along(self._columns)

    def height_for(self, width: float) -> float:
        return self._along(ROWS)

    def _along(self, keys: int) -> float:
        gap = self.theme.sizes.key_gap
        return self.mm(keys * (self._key_mm + gap) - gap)

    def arrange(self) -> None:
        side, step = self.mm(self._key_mm), self.mm(self._key_mm + self.theme.sizes.key_gap)
        left = self.x + (self.width - self.wanted_width()) / 2
        for place, key in enumerate(self.keys):
            row, column = divmod(place, self._columns)
            if self.theme.rtl:  # digits have one order in all languages
                column = self._columns - 1 - column
            key.place(left + column * step, self.top - row * step, side, side)


class Cells(Upright):
    """A cell for each digit, in groups of four; those beyond `least` are dashed. Dots stand for digits, or `shown` ones. Cells
    are drawn smaller where they do not fit, and in two rows or more where they would be too small."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most
        self.filled = 0
        self.shown: tuple[str, ...] = ()

    def parts(self, width: float) -> list[Flow]:
        return []

    def show(self, filled: int, shown: tuple[str, ...] = ()) -> None:
        self.filled, self.shown = filled, shown
        self.arrange()

    def wanted_width(self) -> float:
        return self._width_of(self.most)

    def _width_of(self, cells: int) -> float:
        sizes = self.theme.sizes
        groups = (cells - 1) // GROUP
        return self.mm(cells * (sizes.cell_width + sizes.cell_gap) - sizes.cell_gap + groups * self._extra)

    def _in_row(self, width: float) -> int:
        """Cells in one row: whole groups, and half of them as long as they would be too small."""
        cells = self.most
        while cells > GROUP and width < SMALLEST * self._width_of(cells):
            cells = GROUP * -(-cells // (2 * GROUP))
        return cells

    @property
    def _extra(self) -> float:
        return float(self.theme.sizes.group_gap - self.theme.sizes.cell_gap)

    def height_for(self, width: float) -> float:
        in_row = self._in_row(width)
        gap = self.mm(self.theme.sizes.cell_gap) * self._fit(in_row, width)
        return -(-self.most // in_row) * self._row(in_row, width) - gap

    def _fit(self, in_row: int, width: float) -> float:
        return min(1.0, width / max(1.0, self._width_of(in_row)))

    def _row(self, in_row: int, width: float) -> float:
        """From the top of a row to that of the next."""
        sizes = self.theme.sizes
        return self.mm(sizes.cell_height + sizes.cell_gap) * self._fit(in_row, width)

    def arrange(self) -> None:
        self.canvas.clear()
        in_row, sizes = self._in_row(self.width), self.theme.sizes
        fit, step = self._fit(in_row, self.width), self._row(in_row, self.width)
        for at in range(self.most):
            row, place = divmod(at, in_row)
            x = place * (sizes.cell_width + sizes.cell_gap) + place // GROUP * self._extra
            self._cell(Pen(self.canvas, self.x, self.top - row * step, 1.0), at, round(self.mm(x * fit)), fit)

    def _cell(self, pen: Pen, at: int, x: int, fit: float) -> None:
        """One cell, in whole pixels so that its border is crisp."""
        sizes, colours, unit = self.theme.sizes, self.theme.colours, self.mm(fit)
        wide, high = round(sizes.cell_width * unit), round(sizes.cell_height * unit)
        now = at == self.filled
        thick = round(self.mm((1.1 if self.theme.contrast else 0.8) if now else 0.6 if self.theme.contrast else 0.4))
        half, colour = thick / 2, colours.primary if now else colours.edge
        frame = (x + half, half, wide - thick, high - thick, 2 * unit - half)
        if at >= self.least:
            pen.rect(x, 0, wide, high, 2 * unit, colours.surface)
            pen.dashed(*frame, colour, thick, dash=1.15 * unit)
        else:
            pen.rect(*frame, colours.surface, colour, thick)
        if at < len(self.shown):
            pen.text(self.shown[at], x + wide / 2, 0.715 * high, 0.6 * high, fonts.DIGIT, colours.ink)
        elif at < self.filled and not self.shown:
            pen.disc(x + wide / 2, high / 2, 1.75 * unit, colours.ink)


def typing_page(title: Flow, cells: Cells, keypad: Keypad, theme: Theme) -> Flow:
    """The page on which one types, when the words before it need pages of their own."""
    for part in (cells, keypad):
        if part.parent is not None:
            part.parent.remove_widget(part)
    if theme.small_panel:
        return FlowColumn([title, Spacer(theme=theme), cells], theme=theme, gap=2)
    if theme.portrait:
        pad = FlowRow([Spacer(theme=theme), keypad, Spacer(theme=theme)], theme=theme)
        return FlowColumn([title, cells, Spacer(theme=theme), pad], theme=theme, gap=6)
    column = FlowColumn([title, Spacer(theme=theme), cells], theme=theme, gap=3.2, grow=True)
    return FlowRow([column, keypad], theme=theme, gap=theme.sizes.gap * 2.2, top=True)


def missing(count: int, short: bool) -> Say:
    """Return the text that says how many digits are still missing."""
    if short:
        return say("keypad.more_short", count=count)
    return say(f"keypad.more.{count}") if count <= WORDED else say("keypad.more.many", count=count)


def key_of(code: int, text: str) -> Key | None:
    """The key of a keyboard's key: digits of both blocks, backspace, enter."""
    if len(text) == 1 and text.isascii() and text.isdigit():
        return cast(Key, text)
    if 256 <= code <= 265:
        return cast(Key, str(code - 256))
    named: dict[int, Key] = {8: "erase", 13: "enter", 271: "enter", 127: "clear"}
    return named.get(code)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
