"""On-screen keypad, and the cells that show how many digits are typed.

1 2 3 on top, Rensa to the left, erase to the right. No key changes when it is pressed; progress shows in the cells alone. The
pad never moves between steps.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from kivy.lang import Builder

from drivers.keypad.grabbed_keypad import Key
from kiosk.screens import fonts
from kiosk.screens.background import Framed
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import Touchable
from kiosk.screens.layout import Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.text import Icon, Text
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts

FACES: tuple[Key, ...] = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "erase")
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
    """Twelve keys; `press` is told which."""

    def __init__(self, press: Callable[[Key], None], clear: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keys = [self._key(name, clear, press) for name in FACES]
        for key in self.keys:
            self.add_widget(key)

    def _key(self, name: Key, clear: str, press: Callable[[Key], None]) -> PadKey:
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
        sizes = self.theme.sizes
        return self.mm(3 * sizes.key + 2 * sizes.key_gap)

    def height_for(self, width: float) -> float:
        sizes = self.theme.sizes
        return self.mm(4 * sizes.key + 3 * sizes.key_gap)

    def arrange(self) -> None:
        side, step = self.mm(self.theme.sizes.key), self.mm(self.theme.sizes.key + self.theme.sizes.key_gap)
        left = self.x + (self.width - self.wanted_width()) / 2
        for place, key in enumerate(self.keys):
            row, column = divmod(place, 3)
            key.place(left + column * step, self.top - row * step, side, side)


class Cells(Flow):
    """A cell for each digit, in groups of four; those beyond `least` are dashed. Dots stand for digits, or `shown` ones. Cells
    are drawn smaller where they do not fit, and in two rows where they would be too small."""

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
        """Cells in one row: whole groups, and half of them where all would be too small."""
        groups = -(-self.most // GROUP)
        return self.most if width >= SMALLEST * self.wanted_width() else GROUP * -(-groups // 2)

    @property
    def _extra(self) -> float:
        return float(self.theme.sizes.group_gap - self.theme.sizes.cell_gap)

    def height_for(self, width: float) -> float:
        rows = -(-self.most // self._in_row(width))
        sizes = self.theme.sizes
        return self.mm(rows * (sizes.cell_height + sizes.cell_gap) - sizes.cell_gap)

    def arrange(self) -> None:
        self.canvas.clear()
        in_row, sizes = self._in_row(self.width), self.theme.sizes
        fit = min(1.0, self.width / max(1.0, self._width_of(in_row)))
        for at in range(self.most):
            row, place = divmod(at, in_row)
            x = place * (sizes.cell_width + sizes.cell_gap) + place // GROUP * self._extra
            top = self.top - row * self.mm(sizes.cell_height + sizes.cell_gap)
            self._cell(Pen(self.canvas, self.x, top, 1.0), at, round(self.mm(x * fit)), fit)

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


def missing(count: int, words: ScreenTexts, short: bool) -> str:
    """How many digits are still missing, in words."""
    if short:
        return words.frame("keypad.more_short", count=count)
    return words.frame(f"keypad.more.{count}") if count <= WORDED else words.frame("keypad.more.many", count=count)


def key_of(code: int, text: str) -> Key | None:
    """The key of a keyboard's key: digits of both blocks, backspace, enter."""
    if len(text) == 1 and text.isascii() and text.isdigit():
        return cast(Key, text)
    if 256 <= code <= 265:
        return cast(Key, str(code - 256))
    named: dict[int, Key] = {8: "erase", 13: "enter", 271: "enter", 127: "clear"}
    return named.get(code)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
