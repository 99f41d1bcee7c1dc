"""On-screen keyboards of few signs: those of a claim code, and those of names and addresses of hosts.

All signs stand in four rows. On the smallest panel, whose four rows would be too low for a finger, letters and digits are
turned to and fro.
"""

from collections.abc import Callable, Sequence
from typing import Any

from drivers.keypad.grabbed_keypad import Key
from kiosk.screens import fonts
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import LEAST_MM
from kiosk.screens.keypad import KeyWord, PadKey, QuietKey
from kiosk.screens.layout import Flow, FlowRow
from kiosk.screens.mirroring import Upright
from kiosk.screens.text import Icon
from kiosk.screens.theme import Theme
from kiosk.screens.unhinted import core_label
from kiosk.views import KeyboardName

Rows = tuple[str, ...]
HOST = ("1234567890", "qwertyuiop", "asdfghjkl-", "zxcvbnm.:/")
ROWS: dict[KeyboardName, Rows] = {
    "code": ("01234567", "89ABCDEF", "GHJKMNPQ", "RSTVWXYZ"),
    "host": HOST,
    "address": HOST,
}
PAGES: dict[KeyboardName, tuple[Rows, Rows]] = {
    "code": (("ABCDEFGH", "JKMNPQRS", "TVWXYZ"), ("0123", "4567", "89")),
    "host": (HOST[1:], ("12345", "67890", ".:/-")),
    "address": (("12345", "67890", ".:/-"), HOST[1:]),
}
"""The two pages of the smallest panel."""
GROUP = 4
GAP_MM, SMALL_GAP_MM, HIGHEST_MM = 2.0, 0.5, 17.0


class Keyboard(Flow):
    """Keys in rows; `type_sign` is told which. They are as high as there is room for, and stand at its lower edge."""

    def __init__(self, keyboard: KeyboardName, type_sign: Callable[[str], None], **kwargs: Any) -> None:
        super().__init__(grow=True, **kwargs)
        small = self.theme.small_panel
        self._pages: Sequence[Rows] = PAGES[keyboard] if small else (ROWS[keyboard],)
        self._gap_mm = SMALL_GAP_MM if small else GAP_MM
        self._type = type_sign
        self._at = 0
        self._fill()

    def turn(self) -> None:
        """Show the other page."""
        self._at = (self._at + 1) % len(self._pages)
        self._fill()
        self.arrange()

    def _fill(self) -> None:
        self.clear_widgets()
        self.rows = [[self._key(sign) for sign in row] for row in self._pages[self._at]]
        for key in (key for row in self.rows for key in row):
            self.add_widget(key)

    def _key(self, sign: str) -> PadKey:
        face = KeyWord(theme=self.theme, text=sign, font_size=self.theme.px(max(6.0, self.theme.sizes.lead)))
        return PadKey(face, theme=self.theme, target=f"key:{sign}", act=lambda: self._type(sign))

    def parts(self, width: float) -> list[Flow]:
        return []

    def height_for(self, width: float) -> float:
        return self._high(LEAST_MM)

    def _high(self, key_mm: float) -> float:
        rows = len(self.rows)
        return self.mm(rows * key_mm + (rows - 1) * self._gap_mm)

    def arrange(self) -> None:
        gap, rows = self.mm(self._gap_mm), len(self.rows)
        height = min(self.mm(HIGHEST_MM), (self.height - gap * (rows - 1)) / rows)
        top = self.y + rows * height + (rows - 1) * gap
        columns = max(map(len, self.rows))
        width = (self.width - gap * (columns - 1)) / columns
        for at, row in enumerate(self.rows):
            for place, key in enumerate(row):
                column = columns - 1 - place if self.theme.rtl else place  # signs have one order in all languages
                key.place(self.x + column * (width + gap), top - at * (height + gap), width, height)


class TextField(Upright):
    """Field of the typed text, with a mark where the next sign comes; its end where not all has room. It is drawn: no widget
    holds it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(grow=True, tall=True, **kwargs)
        self.shown = ""

    def show(self, text: str) -> None:
        self.shown = text
        self.arrange()

    def height_for(self, width: float) -> float:
        sizes = self.theme.sizes
        return self.mm(max(LEAST_MM, sizes.cell_height, sizes.label * 1.2))

    def arrange(self) -> None:
        self.canvas.clear()
        unit, colours = self.mm(1), self.theme.colours
        wide, high, thick = self.width / unit, self.height / unit, self.theme.border(0.8) / unit
        pen = Pen(self.canvas, self.x, self.top, unit)
        pen.rect(thick / 2, thick / 2, wide - thick, high - thick, 2, colours.surface, colours.primary, thick)
        size = max(0.5 * high, self.theme.sizes.label)
        text, across = self._end_of(self.shown, size, wide - 6)
        if text:
            pen.text(text, 3 + across / 2, high / 2 + 0.36 * size, size, fonts.DIGIT, colours.ink)
        pen.line(3.6 + across, high / 2 - 0.45 * size, 3.6 + across, high / 2 + 0.45 * size, colours.primary, 0.5)

    def _end_of(self, text: str, size: float, width: float) -> tuple[str, float]:
        """As much of the end as there is room for, and how wide that is, in millimetres."""
        label = core_label("", fonts.DIGIT, max(1, round(self.mm(size))))
        left_out = 0
        while True:
            shown = f"…{text[left_out:]}" if left_out else text
            across = label.get_extents(shown)[0] / self.mm(1) if shown else 0.0
            if across <= width or left_out >= len(text):
                return shown, across
            left_out += 1


class EntryRow(FlowRow):
    """The field, and the keys that are no signs."""

    def __init__(
        self, field: TextField, press: Callable[[Key], None], turn: Callable[[], None] | None, theme: Theme
    ) -> None:
        """`turn`: shows the other page of the keyboard, where there are two."""
        icons: list[tuple[str, str, Callable[[], None]]] = [
            ("key:erase", "backspace-outline", lambda: press("erase")),
            ("key:clear", "close", lambda: press("clear")),
        ]
        if turn is not None:
            icons[1:] = [("key:page", "keyboard-outline", turn)]
        keys = [EntryKey(name, icon, act, theme) for name, icon, act in icons]
        super().__init__([field, *keys], theme=theme, gap=SMALL_GAP_MM if theme.small_panel else GAP_MM)

    def parts(self, width: float) -> list[Flow]:
        return []


class EntryKey(QuietKey):
    """A key beside the field."""

    def __init__(self, target: str, icon: str, act: Callable[[], None], theme: Theme) -> None:
        face = Icon(theme=theme, name=icon, size_mm=7)
        super().__init__(face, theme=theme, target=target, act=act, tall=True)

    def wanted_width(self) -> float:
        return self.mm(LEAST_MM if self.theme.small_panel else 18.0)


def in_groups(signs: str) -> str:
    """In fours, as a claim code is written.

    >>> in_groups("0123456")
    '0123-456'
    """
    return "-".join(signs[at : at + GROUP] for at in range(0, len(signs), GROUP))
