"""Framed things and things that are touched: borders lie inside the box, colours come from kv by kind.

A touch counts when it is let go of inside. Nothing under 12 mm is a target.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import ColorProperty, NumericProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior

from kiosk.screens.layout import Box, Column, Flow, Row
from kiosk.screens.text import Icon, Lead, Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import Words
from kiosk.views import Button, Option

ICONS_AFTER = frozenset({"arrow-right", "check", "chevron-right"})
"""Glyphs that point on stand behind the words; all others before them."""


class Flat(Flow):
    """A plain rectangle in one colour, to the last pixel."""

    fill = ColorProperty((0, 0, 0, 0))


class Framed(Flow):
    """A rounded rectangle: `fill`, and a border of `border` pixels in `edge`. Its smooth edge is half a pixel inside."""

    fill = ColorProperty((0, 0, 0, 0))
    edge = ColorProperty((0, 0, 0, 0))
    border = NumericProperty(0)
    radius = NumericProperty(0)


class FramedBox(Framed, Box):
    """A box that is seen."""


class Panel(FramedBox):
    """A sheet on the page: facts, tries."""


class Stage(FramedBox):
    """The dark ground that drawings stand on."""


class Touchable(ButtonBehavior, Flow):
    """Something to press. `target` is its name in the list of targets; `act` is called once for each touch."""

    def __init__(self, *, target: str, act: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self._act = act

    def on_release(self) -> None:
        self._act()


class ButtonText(Lead):
    """The words of a button; `dense` where they take two lines."""


class Plate(Framed):
    """A button's shape. `kind`: primary, plain, danger, or wait, which never looks pressable."""

    kind = StringProperty("plain")

    def __init__(self, text: str, icon: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label = ButtonText(theme=self.theme, text=text, tone=self.tone)
        parts: list[Flow] = [self.label]
        if icon:
            glyph = Icon(theme=self.theme, name=icon, size_mm=self.theme.sizes.lead * 1.3, tone=self.tone)
            parts.insert(1 if icon in ICONS_AFTER else 0, glyph)
        self.content = Row(parts, theme=self.theme, gap=2.4)
        self.add_widget(self.content)

    @property
    def tone(self) -> str:
        return {"primary": "on_primary", "danger": "surface", "wait": "muted"}.get(self.kind, "ink")

    def wanted_width(self) -> float:
        least = (
            self.mm(self.theme.sizes.primary_width) if self.kind in ("primary", "danger") and not self.narrow else 0.0
        )
        return max(least, self.content.wanted_width() + 2 * self._room)

    narrow = False

    @property
    def _room(self) -> float:
        return self.mm(2.0 if self.narrow else self.theme.sizes.button_pad + 0.4)

    def squeeze(self) -> None:
        """No more room than the words need; they break into two lines where the bar is full."""
        self.narrow = True

    def height_for(self, width: float) -> float:
        return self.mm(self.theme.sizes.button)

    def arrange(self) -> None:
        width, room = self.content.wanted_width(), self.width - 2 * self._room
        self.label.grow = self.label.dense = width > room + 1
        width = min(width, room)
        self.content.place(self.x + (self.width - width) / 2, self.top, width, self.height)


class PressButton(Touchable, Plate):
    """A way on."""


def action(
    button: Button, theme: Theme, words: Words, answer: Callable[[str], None], kind: str = "plain"
) -> PressButton:
    """The button of a view."""
    return PressButton(
        target=button.value,
        act=lambda: answer(button.value),
        theme=theme,
        kind=kind,
        text=words(button.text),
        icon=button.icon,
    )


class TileTitle(Lead):
    """The first line of a tile."""


class Tile(Framed):
    """An option: glyph, name and a second line. An option that is not to be had lies on grey and says why."""

    kind = StringProperty("open")

    def __init__(self, option: Option, words: Words, **kwargs: Any) -> None:
        super().__init__(kind="closed" if option.reason else "open", **kwargs)
        theme = self.theme
        lines: list[Flow] = [TileTitle(theme=theme, text=words(option.title))]
        second = option.reason or option.detail
        if second and not theme.large and (not theme.small_panel or option.reason):
            lines.append(Small(theme=theme, text=words(second), tone="muted", line=1.25))
        parts: list[Flow] = [Box(Column(lines, theme=theme, gap=1), theme=theme, grow=True, centre=True)]
        if option.icon:
            tone = "muted" if option.reason else "primary"
            parts.insert(0, Icon(theme=theme, name=option.icon, size_mm=self._icon_mm(theme), tone=tone))
        row = Row(parts, theme=theme, gap=2.2 if theme.small_panel else 3.6)
        self.inside = Box(row, theme=theme, padding=(2.6, 1) if theme.small_panel else (4, 2), centre=True)
        self.add_widget(self.inside)

    @staticmethod
    def _icon_mm(theme: Theme) -> float:
        if theme.large and not theme.small_panel:
            return 11
        return {"10": 9.4, "7": 7, "p": 15}[theme.panel.name]

    def height_for(self, width: float) -> float:
        return max(self.inside.height_for(width), self.mm(13.5))

    def arrange(self) -> None:
        self.inside.place(self.x, self.top, self.width, self.height)


class TileButton(Touchable, Tile):
    """An option that can be had."""


class Grid(Flow):
    """Tiles in columns from the upper left, all of one height.

    They share the height that there is, up to `most_mm` each, or what the longest text needs."""

    def __init__(self, tiles: list[Flow], *, columns: int, gap: float, most_mm: float = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tiles, self.columns, self.gap, self.most_mm = tiles, columns, gap, most_mm
        for tile in tiles:
            self.add_widget(tile)

    @property
    def rows(self) -> int:
        return -(-len(self.tiles) // self.columns)

    def height_for(self, width: float) -> float:
        return self._tallest(width) * self.rows + self.mm(self.gap) * max(0, self.rows - 1)

    def _tallest(self, width: float) -> float:
        each = (width - self.mm(self.gap) * (self.columns - 1)) / self.columns
        return max((tile.height_for(each) for tile in self.tiles), default=0.0)

    def arrange(self) -> None:
        gap = self.mm(self.gap)
        width = (self.width - gap * (self.columns - 1)) / self.columns
        most = max(self.mm(self.most_mm), self._tallest(self.width))
        height = min(most, (self.height - gap * (self.rows - 1)) / max(1, self.rows))
        for place, tile in enumerate(self.tiles):
            row, column = divmod(place, self.columns)
            tile.place(self.x + column * (width + gap), self.top - row * (height + gap), width, height)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
