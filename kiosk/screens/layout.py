"""Layout: rows, columns and boxes that are laid out at once, from the width down, as text needs it.

A `Flow` says how high it is at a width; its parent then places it. Nothing settles over several frames, so a screen is
right in the first picture, and content never moves after it has appeared. A column that is too low first narrows its gaps, to
half at most, then squeezes its text, then leaves out what is marked with `drop`, the largest first: second lines and hints,
never the title or the action.
"""

from collections.abc import Iterable
from typing import Any

from kivy.properties import ObjectProperty
from kivy.uix.widget import Widget

from kiosk.screens.theme import COLOURS, PANELS, Theme

PLAIN = Theme(PANELS["10"], COLOURS["light"])


class Flow(Widget):
    """A widget that knows its height at a width.

    `grow` takes what is left over, `tall` is as high as its row; what has `drop` > 0 may be left out."""

    theme = ObjectProperty(PLAIN)

    def __init__(self, *, grow: bool = False, tall: bool = False, drop: int = 0, **kwargs: Any) -> None:
        self.grow = grow
        self.tall = tall
        self.drop = drop
        super().__init__(size_hint=(None, None), **kwargs)

    def mm(self, millimetres: float) -> float:
        return float(self.theme.mm(millimetres))

    def wanted_width(self) -> float:
        """Pixels across when nothing presses."""
        return 0.0

    def height_for(self, width: float) -> float:
        """Pixels high at that width."""
        return 0.0

    def place(self, x: float, top: float, width: float, height: float) -> None:
        """Take that place (whole pixels, so that lines stay crisp) and lay out what is inside."""
        self.size = round(width), round(height)
        self.pos = round(x), round(top) - self.height
        self.arrange()

    def arrange(self) -> None:
        """Place what is inside."""

    def squeeze(self) -> None:
        """Take less room, if there is a way that loses nothing."""


class Spacer(Flow):
    """Nothing, as much of it as there is room for, or `mm` millimetres of it."""

    def __init__(self, millimetres: float = 0.0, **kwargs: Any) -> None:
        super().__init__(grow=not millimetres, **kwargs)
        self._size = millimetres

    def wanted_width(self) -> float:
        return self.mm(self._size)

    def height_for(self, width: float) -> float:
        return self.mm(self._size)


class Group(Flow):
    """A flow of flows, in the order in which they were given. `gap` is in millimetres."""

    def __init__(self, items: Iterable[Flow], *, gap: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gap = gap
        self.items = list(items)
        for item in self.items:
            self.add_widget(item)

    def _show_only(self, shown: list[Flow]) -> None:
        for item in self.items:
            if item in shown and item.parent is None:
                self.add_widget(item)
            elif item not in shown and item.parent is not None:
                self.remove_widget(item)


class Column(Group):
    """Flows below each other; what grows also gives way where there is no room.

    `centred` ones are as wide as they want, in the middle."""

    def __init__(self, items: Iterable[Flow], *, centred: bool = False, **kwargs: Any) -> None:
        super().__init__(items, **kwargs)
        self.centred = centred

    def wanted_width(self) -> float:
        return max((item.wanted_width() for item in self.items), default=0.0)

    def height_for(self, width: float) -> float:
        return self._total(self.items, width, self.mm(self.gap))

    def arrange(self) -> None:
        gap, shown = self._fit()
        self._show_only(shown)
        spare = self.height - self._total(shown, self.width, gap)
        share = spare / max(1, sum(item.grow for item in shown))
        y = self.top
        for item in shown:
            height = max(0.0, item.height_for(self.width) + (share if item.grow else 0.0))
            width = min(self.width, item.wanted_width()) if self.centred else self.width
            item.place(self.x + (self.width - width) / 2, y, width, height)
            y -= height + gap

    def _fit(self) -> tuple[float, list[Flow]]:
        gap, shown = self.mm(self.gap), list(self.items)
        over = self._total(shown, self.width, gap) - self.height
        if over > 1 and len(shown) > 1:
            gap = max(gap / 2, gap - over / (len(shown) - 1))
        if self._total(shown, self.width, gap) > self.height + 1:  # a pixel is lost to rounding
            for item in shown:
                item.squeeze()
        while self._total(shown, self.width, gap) > self.height + 1:
            loose = max(shown, key=lambda item: item.drop)
            if not loose.drop:
                break
            shown.remove(loose)
        return gap, shown

    def _total(self, items: list[Flow], width: float, gap: float) -> float:
        return sum(item.height_for(width) for item in items) + gap * max(0, len(items) - 1)


class Row(Group):
    """Flows beside each other: what grows shares the width that the others leave; what has `drop` goes where there is none."""

    def __init__(self, items: Iterable[Flow], *, top: bool = False, **kwargs: Any) -> None:
        super().__init__(items, **kwargs)
        self.from_top = top

    def wanted_width(self) -> float:
        return self._wanted(self.items)

    def height_for(self, width: float) -> float:
        widths = self._widths(width, self.items)
        return max((item.height_for(wide) for item, wide in zip(self.items, widths, strict=True)), default=0.0)

    def arrange(self) -> None:
        x, shown = self.x, list(self.items)
        while self._wanted(shown) > self.width + 1 and any(item.drop for item in shown):
            shown.remove(max(shown, key=lambda item: item.drop))
        self._show_only(shown)
        for item, width in zip(shown, self._widths(self.width, shown), strict=True):
            fills = item.tall or (item.grow and isinstance(item, Group | Box))
            height = self.height if fills else min(self.height, item.height_for(width))
            top = self.top if self.from_top else self.top - (self.height - height) / 2
            item.place(x, top, width, height)
            x += width + self.mm(self.gap)

    def _wanted(self, items: list[Flow]) -> float:
        return sum(item.wanted_width() for item in items) + self.mm(self.gap) * max(0, len(items) - 1)

    def _widths(self, width: float, items: list[Flow]) -> list[float]:
        fixed = sum(item.wanted_width() for item in items if not item.grow)
        growing = sum(item.grow for item in items)
        share = max(0.0, width - fixed - self.mm(self.gap) * max(0, len(items) - 1)) / max(1, growing)
        return [share if item.grow else item.wanted_width() for item in items]


class Box(Flow):
    """One flow with room around it; kv draws the box. `padding` is (across, up and down) in millimetres.

    `width_mm` fixes its width; `centre` keeps the inside at its own height in the middle."""

    def __init__(
        self,
        inside: Flow,
        *,
        padding: tuple[float, float] = (0, 0),
        width_mm: float = 0,
        centre: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inside = inside
        self.padding = padding
        self.width_mm = width_mm
        self.centre = centre
        self.add_widget(inside)

    def wanted_width(self) -> float:
        return self.mm(self.width_mm) if self.width_mm else self.inside.wanted_width() + 2 * self.mm(self.padding[0])

    def height_for(self, width: float) -> float:
        across, along = (2 * self.mm(side) for side in self.padding)
        return self.inside.height_for(width - across) + along

    def arrange(self) -> None:
        across, along = (self.mm(side) for side in self.padding)
        width, height = self.width - 2 * across, self.height - 2 * along
        inner = min(height, self.inside.height_for(width)) if self.centre else height
        self.inside.place(self.x + across, self.top - along - (height - inner) / 2, width, inner)
