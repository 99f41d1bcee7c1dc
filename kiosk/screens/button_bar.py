"""Button bar: way out and side way to the left, the primary or its named wait to the right.

In portrait the primary stands alone above the others. With large text no button's words are made smaller: what does not fit
beside the others gets a row of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kiosk.screens.framed import Plate, PressButton
from kiosk.screens.layout import Flow
from kiosk.screens.shape import Actions
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts

ON, BACK = "page:on", "page:back"
"""Targets that turn the pages of large text."""


class ButtonBar(Flow):
    """The ways on from a screen. `upright`: the primary above the others, whatever its words."""

    def __init__(self, actions: Actions, *, upright: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = list(actions.left), actions.right
        self.upright = upright
        for item in self._all:
            if item.parent is not None:
                item.parent.remove_widget(item)
            if isinstance(item, Plate):
                item.narrow = False  # another bar may have had less room
            self.add_widget(item)

    @property
    def _all(self) -> list[Flow]:
        return [*self.first, *([self.last] if self.last else [])]

    def height_for(self, width: float) -> float:
        rows = self._rows(width)
        high = sum(self._high(row, width) for row in rows) + self._gap * max(0, len(rows) - 1)
        return self._above + (high or self.mm(self.theme.sizes.button)) + self._below

    def arrange(self) -> None:
        y, rows = self.top - self._above, self._rows(self.width)
        for row in rows:
            height = self._high(row, self.width)
            self._place(row, y, height, stretched=self.theme.portrait or len(rows) > 1)
            y -= height + self._gap

    def one_row(self, width: float) -> bool:
        """Return whether all stand beside each other."""
        return self._fits(self._all, width)

    @property
    def _gap(self) -> float:
        return self.mm(self.theme.sizes.gap)

    @property
    def _above(self) -> float:
        return self.mm(6) if self.theme.portrait else self._gap

    @property
    def _below(self) -> float:
        return self.mm(8 if self.theme.portrait else self.theme.sizes.pad * self.theme.sizes.bar_below)

    def _rows(self, width: float) -> list[list[Flow]]:
        """Return the buttons by rows, the uppermost row first."""
        last = self.last
        alone = self.theme.portrait and isinstance(last, Plate) and last.kind != "plain" and bool(self.first)
        upright = alone or (self.upright and self.theme.large)
        if not upright and self._stand_beside(self._all, width):
            return [self._all]
        rows: list[list[Flow]] = [[last]] if last else []
        for item in self.first:
            if len(rows) > bool(last) and self._stand_beside([*rows[-1], item], width):
                rows[-1].append(item)
            else:
                rows.append([item])
        return rows

    def _stand_beside(self, row: list[Flow], width: float) -> bool:
        """Return whether they fit beside each other; text of the usual size may take two lines for it."""
        if self._fits(row, width) or self.theme.large:
            return self._fits(row, width)
        return sum(self._least(item) for item in row) <= int(width) - self._gap * (len(row) - 1)

    @staticmethod
    def _least(item: Flow) -> float:
        return item.least_width() if isinstance(item, Plate) else item.wanted_width()

    def _fits(self, row: list[Flow], width: float) -> bool:
        """Return whether they stand beside each other, as narrow as they can be."""
        room = int(width) - self._gap * (len(row) - 1)  # whole pixels, as when it is placed
        if sum(item.wanted_width() for item in row) > room:
            for item in row:
                item.squeeze()
        return sum(item.wanted_width() for item in row) <= room

    def _high(self, row: list[Flow], width: float) -> float:
        shares = zip(row, self._widths(row, width, stretched=False), strict=True)
        return max([self.mm(self.theme.sizes.button), *(item.height_for(wide) for item, wide in shares)])

    def _widths(self, row: list[Flow], width: float, stretched: bool) -> list[float]:
        """Squeezed, then the widest cut back, where the row is too short."""
        room = width - self._gap * (len(row) - 1)
        self._fits(row, width)
        wants = [item.wanted_width() for item in row]
        most, squeezed = room, sum(wants) > room and not self.theme.large
        least = [min(room, self._least(item)) if squeezed else 0.0 for item in row]
        while sum(min(want, max(most, low)) for want, low in zip(wants, least, strict=True)) > room and most > 0:
            most -= 4.0
        wide = [min(want, max(most, low)) for want, low in zip(wants, least, strict=True)]
        extra = (room - sum(wide)) / max(1, len(row)) if stretched else 0.0
        return [each + extra for each in wide]

    def _place(self, row: list[Flow], top: float, height: float, stretched: bool) -> None:
        x = self.x
        for item, wide in zip(row, self._widths(row, self.width, stretched), strict=True):
            item.place(self.right - wide if item is self.last and not stretched else x, top, wide, height)
            x += wide + self._gap


class PageTurner:
    """The buttons that turn pages: on, in the primary's place until the last page, and back, from the second on.

    `ways_out` stand between them where there is room; else they wait for the last page."""

    def __init__(
        self, turn: Callable[[int], None], ways_out: Sequence[Flow], words: ScreenTexts, theme: Theme, *, choices: bool
    ) -> None:
        self.ways_out, self.theme = ways_out, theme
        self.back = PressButton(target=BACK, act=lambda: turn(-1), theme=theme, text="", icon="arrow-up")
        self.on = PressButton(
            target=ON,
            act=lambda: turn(1),
            theme=theme,
            kind="plain" if choices else "primary",
            text=words.frame("frame.more_choices" if choices else "frame.read_on"),
            icon="arrow-down",
        )

    def bar(self, width: float, *, back: bool) -> ButtonBar:
        """The bar of a page that is not the last."""
        first = [self.back] if back else []
        bar = ButtonBar(Actions([*first, *self.ways_out], self.on), theme=self.theme)
        return bar if bar.one_row(width) else ButtonBar(Actions(first, self.on), theme=self.theme)
