"""Layout engine: rows, columns and boxes that are laid out at once, from the width down, as text needs it.

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

    def arrange(self) -> None: ...

    def squeeze(self) -> None:
        """Take less room, if there is a way that loses nothing."""

    needed = True
    """Whether something is lost to whoever does not see it. A drawing shows what the words say."""

    least_mm = 0.0
    """What is lower is cut: no finger finds it."""

    heads = False
    """Whether it is the heading of what follows: where that does not fit below it, a page begins with it."""

    gives_way = False
    """Whether it stays away, at any size of text, where words beside it would be left out."""

    def parts(self, width: float) -> list["Flow"]:
        """Return the parts that it falls into, in reading order, where it goes over several pages of that width."""
        return [self]

    def pieces(self, width: float, height: float) -> list["Flow"]:
        """Return the pieces that it is cut into where it is higher than a page alone."""
        return [self]


class Spacer(Flow):
    """Nothing, as much of it as there is room for, or `mm` millimetres of it."""

    def __init__(self, millimetres: float = 0.0, **kwargs: Any) -> None:
        super().__init__(grow=not millimetres, **kwargs)
        self._size = millimetres

    def wanted_width(self) -> float:
        return self.mm(self._size)

    def height_for(self, width: float) -> float:
        return self.mm(self._size)

    def parts(self, width: float) -> list[Flow]:
        return []


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


class WhereRoom(Flow):
    """Flow that is only shown, in the height that others leave: nothing where that is less than `room_mm`."""

    needed = False

    def __init__(self, shown: Flow, room_mm: float, **kwargs: Any) -> None:
        super().__init__(grow=True, **kwargs)
        self.shown, self.room_mm = shown, room_mm

    def arrange(self) -> None:
        self.clear_widgets()
        if self.height >= self.mm(self.room_mm):
            self.add_widget(self.shown)
            self.shown.place(self.x, self.top, self.width, self.height)

    def parts(self, width: float) -> list[Flow]:
        return []


class FlowColumn(Group):
    """Flows below each other; what grows also gives way where there is no room.

    `centred` ones are as wide as they want, in the middle."""

    def __init__(self, items: Iterable[Flow], *, centred: bool = False, **kwargs: Any) -> None:
        super().__init__(items, **kwargs)
        self.centred = centred

    def wanted_width(self) -> float:
        return max((item.wanted_width() for item in self.items), default=0.0)

    def height_for(self, width: float) -> float:
        return self._total(self.items, width, self.mm(self.gap))

    def least(self, width: float) -> float:
        """Pixels high with the narrowest gaps."""
        return self._total(self.items, width, self.mm(self.gap) / 2)

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

    def parts(self, width: float) -> list[Flow]:
        return [part for item in self.items for part in item.parts(width)]

    def pieces(self, width: float, height: float) -> list[Flow]:
        return [piece for part in self.parts(width) for piece in part.pieces(width, height)]

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


class FlowRow(Group):
    """Flows beside each other: what grows shares the width that the others leave; what has `drop` goes where there is none."""

    def __init__(self, items: Iterable[Flow], *, top: bool = False, **kwargs: Any) -> None:
        super().__init__(items, **kwargs)
        self.from_top = top

    def wanted_width(self) -> float:
        return self._wanted(self.items)

    def height_for(self, width: float) -> float:
        shown = self._fitting(width)
        widths = self._widths(width, shown)
        return max((item.height_for(wide) for item, wide in zip(shown, widths, strict=True)), default=0.0)

    def arrange(self) -> None:
        x, shown = self.x, self._fitting(self.width)
        self._show_only(shown)
        for item, width in zip(shown, self._widths(self.width, shown), strict=True):
            fills = item.tall or (item.grow and isinstance(item, Group | FlowBox))
            height = self.height if fills else min(self.height, item.height_for(width))
            top = self.top if self.from_top else self.top - (self.height - height) / 2
            item.place(x, top, width, height)
            x += width + self.mm(self.gap)

    def pieces(self, width: float, height: float) -> list[Flow]:
        """Cut the flow that grows; its second and later pieces stand below the first, where that begins."""
        grows = next((item for item in self.items if item.grow), None)
        if grows is None:
            return [self]
        wide = self._widths(width, self.items)[self.items.index(grows)]
        first, *others = grows.pieces(wide, height)
        return [self._with(grows, first), *(self._indented(piece, width - wide) for piece in others)]

    def _with(self, grows: Flow, piece: Flow) -> Flow:
        first = [piece if item is grows else item for item in self.items]
        for item in (*self.items, piece):
            if item.parent is not None:
                item.parent.remove_widget(item)
        piece.grow = True
        return FlowRow(first, theme=self.theme, gap=self.gap, top=self.from_top)

    def _indented(self, piece: Flow, pixels: float) -> Flow:
        piece.grow = True
        return FlowRow([Spacer(pixels / self.mm(1), theme=self.theme), piece], theme=self.theme)

    def _fitting(self, width: float) -> list[Flow]:
        shown = list(self.items)
        while any(item.drop for item in shown) and self._wanted(shown) > width + 1:
            shown.remove(max(shown, key=lambda item: item.drop))
        return shown

    def _wanted(self, items: list[Flow]) -> float:
        return sum(item.wanted_width() for item in items) + self.mm(self.gap) * max(0, len(items) - 1)

    def _widths(self, width: float, items: list[Flow]) -> list[float]:
        fixed = sum(item.wanted_width() for item in items if not item.grow)
        growing = sum(item.grow for item in items)
        spare = max(0.0, width - fixed - self.mm(self.gap) * max(0, len(items) - 1))
        share = float(int(spare / max(1, growing)))  # whole pixels, measured as they will be placed
        return [share if item.grow else item.wanted_width() for item in items]


class Beside(FlowRow):
    """Columns beside each other, of which each can stand alone."""

    def parts(self, width: float) -> list[Flow]:
        return [part for item in self.items for part in item.parts(width)]


class Split(Beside):
    """Words beside what is shown. With large text the drawing gives way where the words need the whole width; one that shows no
    more than the family does so at any size."""

    def __init__(self, says: FlowColumn, shows: Flow, **kwargs: Any) -> None:
        super().__init__([says, shows], top=True, **kwargs)
        self.says = says

    def arrange(self) -> None:
        beside, shows = self._widths(self.width, self.items)[0], self.items[1]
        loose = (self.theme.large or shows.gives_way) and not shows.needed
        if not loose or self.says.least(beside) <= self.height + 1:
            super().arrange()
            return
        self._show_only([self.says])
        self.says.place(self.x, self.top, self.width, self.height)

    def parts(self, width: float) -> list[Flow]:
        return self.says.parts(width) + [part for part in self.items[1].parts(width) if part.needed]


class FlowBox(Flow):
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

    def parts(self, width: float) -> list[Flow]:
        return self.inside.parts(width - 2 * self.mm(self.padding[0]))

    def pieces(self, width: float, height: float) -> list[Flow]:
        across, along = (2 * self.mm(side) for side in self.padding)
        return self.inside.pieces(width - across, height - along)
