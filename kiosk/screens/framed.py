"""Bordered boxes and touch targets: panels, buttons, tiles. Borders lie inside the box, colours come from kv by kind.

A touch counts when it is let go of inside. Nothing under 12 mm is a target.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import StringProperty
from kivy.uix.behaviors import ButtonBehavior

from kiosk.screens.background import Framed
from kiosk.screens.clipping import is_unclipped
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow
from kiosk.screens.text import LEAST_SHARE, Icon, Lead, Small, Tiny, longest_word
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Button, Option

ICONS_AFTER = frozenset({"arrow-down", "arrow-right", "check", "chevron-right"})
"""Glyphs that point on stand behind the words; all others before them."""


LEAST_MM = 12.0
"""No target is narrower."""


class FramedBox(Framed, FlowBox):
    """A box that is seen."""

    def parts(self, width: float) -> list[Flow]:
        return [self]


class SheetPanel(FramedBox):
    """A sheet on the page: facts, tries. Over several pages what is on it stands on the page itself."""

    def parts(self, width: float) -> list[Flow]:
        return FlowBox.parts(self, width)


class ShownIfRoom(FramedBox):
    """A box that shows what the words say: it stays away where they need the room."""

    needed = False

    def parts(self, width: float) -> list[Flow]:
        return []


class DrawingStage(ShownIfRoom):
    """The dark ground that drawings stand on."""


class Touchable(ButtonBehavior, Flow):
    """Something to press. `target` is its name in the list of targets; `act` is called once for each touch."""

    def __init__(self, *, target: str, act: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.least_mm = LEAST_MM
        self._act = act

    def on_release(self) -> None:
        self._act()


class ButtonText(Lead):
    """The words of a button."""


class Plate(Framed):
    """A button's shape. `kind`: primary, plain, danger, or wait, which never looks pressable."""

    kind = StringProperty("plain")

    def __init__(self, text: str, icon: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label = ButtonText(theme=self.theme, text=text, tone=self.tone)
        parts: list[Flow] = [self.label] if text else []
        if icon:
            drop = int(bool(text) and self.theme.large)
            glyph = Icon(theme=self.theme, name=icon, size_mm=self.theme.sizes.lead * 1.3, tone=self.tone, drop=drop)
            parts.insert(1 if icon in ICONS_AFTER else 0, glyph)
        self.content = FlowRow(parts, theme=self.theme, gap=2.4)
        self.add_widget(self.content)

    @property
    def tone(self) -> str:
        return {"primary": "on_primary", "danger": "surface", "wait": "muted"}.get(self.kind, "ink")

    def wanted_width(self) -> float:
        least = (
            self.mm(self.theme.sizes.primary_width) if self.kind in ("primary", "danger") and not self.narrow else 0.0
        )
        words = self.label.wanted_width() if self.narrow and self.label.text else 0.0
        content = words if self.theme.large and words else self.content.wanted_width()
        return max(least, self.mm(LEAST_MM), content + 2 * self._room)

    narrow = False

    def least_width(self) -> float:
        """Pixels across where its words are whole in the height of a button, in more than one line if need be."""
        label, high = self.label, self.mm(self.theme.sizes.button)
        glyph = self.content.wanted_width() - label.wanted_width() if label.text else self.content.wanted_width()
        wide = longest_word(label.text, *label.font_key[:2]) * LEAST_SHARE
        while label.height_for(wide) > high:
            wide += self.mm(1)
        return max(self.mm(LEAST_MM), wide + glyph + 2 * self._room)

    @property
    def _room(self) -> float:
        return self.mm(2.0 if self.narrow else self.theme.sizes.button_pad + 0.4)

    def squeeze(self) -> None:
        """No more room than the words need, with large text without the glyph; they break into two lines where the bar is
        full."""
        self.narrow = True

    def height_for(self, width: float) -> float:
        least = self.mm(self.theme.sizes.button)
        if not self.theme.large or not self.label.text:
            return least
        return max(least, self.label.height_for(width - 2 * self._room) + self.mm(2))

    def arrange(self) -> None:
        room = self.width - 2 * self._room
        width = self.content.wanted_width()
        if width > room and self.theme.large and self.label.text:
            width = self.label.wanted_width()
        self.label.grow = width > room + 1
        width = min(width, room)
        self.content.place(self.x + (self.width - width) / 2, self.top, width, self.height)


class PressButton(Touchable, Plate):
    """Push button: a way on."""


def action_button(
    button: Button, theme: Theme, words: ScreenTexts, answer: Callable[[str], None], kind: str = "plain"
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
    """An option: glyph, name and a second line. An option that is not to be had lies on grey and says why; the one that helps is
    filled."""

    kind = StringProperty("open")

    def __init__(self, option: Option, words: ScreenTexts, **kwargs: Any) -> None:
        super().__init__(kind="closed" if option.reason else "filled" if option.filled else "open", **kwargs)
        theme, filled = self.theme, self.kind == "filled"
        self.title = TileTitle(theme=theme, text=words(option.title), tone="on_primary" if filled else "ink")
        lines: list[Flow] = [self.title]
        second = option.reason or option.detail
        if second and not theme.large and (not theme.small_panel or option.reason):
            role = Tiny if theme.small_panel else Small
            quiet = "on_primary" if filled else "muted"
            lines.append(role(theme=theme, text=words(second), tone=quiet, line=1.15 if theme.small_panel else 1.25))
        gap = 0 if theme.small_panel else 1
        parts: list[Flow] = [FlowBox(FlowColumn(lines, theme=theme, gap=gap), theme=theme, grow=True, centre=True)]
        if option.icon:
            tone = "muted" if option.reason else "on_primary" if filled else "primary"
            gives_way = int(theme.large and theme.small_panel)
            size = self._icon_mm(theme)
            parts.insert(0, Icon(theme=theme, name=option.icon, size_mm=size, tone=tone, drop=gives_way))
        row = FlowRow(parts, theme=theme, gap=2.2 if theme.small_panel else 3.6)
        self.inside = FlowBox(row, theme=theme, padding=(2.6, 0.4) if theme.small_panel else (4, 2), centre=True)
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

    def holds_words(self, width: float, height: float) -> bool:
        """Return whether the words have room in that size."""
        return self.inside.height_for(width) <= height + 1


class TileButton(Touchable, Tile):
    """An option that can be had."""


class Grid(Flow):
    """Tiles in columns from the upper left, all of one height.

    They share the height that there is, up to `most_mm` each, or what the longest text needs. With large text there are
    fewer columns where a name would be cut or be longer than two lines."""

    def __init__(self, tiles: list[Flow], *, columns: int, gap: float, most_mm: float = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tiles, self.columns, self.gap, self.most_mm = tiles, columns, gap, most_mm
        for tile in tiles:
            self.add_widget(tile)

    def parts(self, width: float) -> list[Flow]:
        count = self._count(width)
        rows = [self.tiles[at : at + count] for at in range(0, len(self.tiles), count)]
        for tile in self.tiles:
            self.remove_widget(tile)
        return [Grid(row, columns=count, gap=self.gap, most_mm=self.most_mm, theme=self.theme) for row in rows]

    def height_for(self, width: float) -> float:
        rows = -(-len(self.tiles) // self._count(width))
        return self._tallest(width) * rows + self.mm(self.gap) * max(0, rows - 1)

    def arrange(self) -> None:
        gap, count = self.mm(self.gap), self._count(self.width)
        width, rows = self._each(self.width, count), -(-len(self.tiles) // count)
        most = max(self.mm(self.most_mm), self._tallest(self.width))
        height = min(most, (self.height - gap * (rows - 1)) / max(1, rows))
        self._set_alike(width, height)
        for place, tile in enumerate(self.tiles):
            row, column = divmod(place, count)
            tile.place(self.x + column * (width + gap), self.top - row * (height + gap), width, height)

    def _set_alike(self, width: float, height: float) -> None:
        """All names in one size: in the smaller one where that of one tile would not fit."""
        tiles = [tile for tile in self.tiles if isinstance(tile, Tile)]
        for dense in (False, True):
            for tile in tiles:
                tile.title.dense = dense
            if all(tile.holds_words(width, height) for tile in tiles):
                return

    def _tallest(self, width: float) -> float:
        each = self._each(width, self._count(width))
        return max((tile.height_for(each) for tile in self.tiles), default=0.0)

    def _each(self, width: float, count: int) -> float:
        return (width - self.mm(self.gap) * (count - 1)) / count

    def _count(self, width: float) -> int:
        """Return the number of columns."""
        if not self.theme.large:
            return self.columns
        if width != self._counted[0]:
            fitting = (count for count in range(self.columns, 1, -1) if self._hold(self._each(width, count)))
            self._counted = width, next(fitting, 1)
        return self._counted[1]

    _counted: tuple[float, int] = (-1.0, 1)

    def _hold(self, width: float) -> bool:
        """Return whether every name is whole in that width, in two lines at most."""
        most = 2.4 * self.mm(self.theme.sizes.lead) + self.mm(4)
        for tile in self.tiles:
            height = tile.height_for(width)
            tile.place(0, 0, width, height)
            if height > max(most, self.mm(13.6)) or not is_unclipped(tile):
                return False
        return True


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
