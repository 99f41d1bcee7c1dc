"""The frame that all screens share: rail, status strip, body and action bar, laid out for the panel.

The rail is always there, in the same order and place. The strip is not touchable. The action bar has the way out to the
left, at most one side way, and the primary, or the named wait in its place, to the right.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import BooleanProperty, StringProperty

from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import Flat, Plate
from kiosk.screens.layout import Flow, Row, Spacer
from kiosk.screens.rail import Rail
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Icon, Tiny
from kiosk.screens.theme import Theme
from kiosk.screens.words import Words
from kiosk.views import Step


@dataclass(frozen=True)
class Status:
    """What the strip says beside the errand. `clock` is hours and minutes as they are shown."""

    errand: str
    step: Step | None
    clock: str
    card_in: bool = False
    attended: str = ""


class Pips(Flow):
    """The steps as pips; the one of the moment is long."""

    def __init__(self, step: Step, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step

    def wanted_width(self) -> float:
        return self.mm(4 * (self.step.of - 1) + 8)

    def height_for(self, width: float) -> float:
        return self.mm(1.6)

    def arrange(self) -> None:
        self.canvas.clear()
        pen, colours, x = Pen(self.canvas, self.x, self.top, self.mm(1)), self.theme.colours, 0.0
        for at in range(1, self.step.of + 1):
            width = 8 if at == self.step.at else 3
            done = at <= self.step.at
            pen.rect(x, 0, width, 1.6, 0.8, colours.primary if done else colours.line)
            if self.theme.contrast and not done:
                pen.rect(x + 0.3, 0.3, width - 0.6, 1.0, 0.5, colours.paper)
            x += width + 1


class Errand(Tiny):
    """The errand, or the place, in the strip; `plain` for the step beside it."""

    plain = StringProperty("no")


class Strip(Flow):
    """Errand, step, who attends, whether a card is in, the clock."""

    def __init__(self, status: Status, words: Words, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        theme = self.theme
        parts: list[Flow] = [Errand(theme=theme, text=status.errand)]
        if status.step:
            step = status.step
            said = f"{step.at}/{step.of}" if theme.large else words.frame("frame.step", at=step.at, of=step.of)
            parts += [] if theme.large else [Pips(step, theme=theme)]
            parts.append(Errand(theme=theme, text=said, plain="yes"))
        parts.append(Spacer(theme=theme))
        if not theme.large:
            parts += self._right(status, words, theme)
        self.row = Row(parts, theme=theme, gap=3)
        self.hairline = Flat(theme=theme, fill=theme.colours.line)
        self.add_widget(self.row)
        self.add_widget(self.hairline)

    @staticmethod
    def _right(status: Status, words: Words, theme: Theme) -> list[Flow]:
        parts: list[Flow] = []
        if status.attended:
            parts.append(
                Tiny(theme=theme, text=words.frame("frame.attended", name=status.attended), tone="muted", drop=2)
            )
        if status.card_in:
            icon = Icon(theme=theme, name="smart-card-outline", size_mm=theme.sizes.small * 1.45, tone="muted")
            said = Tiny(theme=theme, text=words.frame("frame.card_in"), tone="muted")
            parts.append(Row([icon, said], theme=theme, gap=1, drop=1))
        parts.append(Tiny(theme=theme, text=status.clock, tone="muted"))
        return parts

    def arrange(self) -> None:
        pad, line = self.mm(self.theme.sizes.pad), self.theme.border(0.2)
        self.row.place(self.x + pad, self.top, self.width - 2 * pad, self.height - line)
        self.hairline.place(self.x, self.y + line, self.width, line)


class WayBar(Flow):
    """Way out and side way to the left, the primary or its named wait to the right; stacked in portrait."""

    def __init__(self, actions: Actions, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first, self.last = list(actions.left), actions.right
        for item in (*self.first, *([self.last] if self.last else [])):
            self.add_widget(item)

    @property
    def stacked(self) -> bool:
        last = self.last
        return self.theme.portrait and isinstance(last, Plate) and last.kind != "plain" and bool(self.first)

    def height_for(self, width: float) -> float:
        sizes = self.theme.sizes
        if self.theme.portrait:
            return self.mm(6 + 8 + sizes.button + (sizes.button + sizes.gap if self.stacked else 0))
        return self.mm(sizes.gap + sizes.button + sizes.pad * 0.75)

    def arrange(self) -> None:
        sizes = self.theme.sizes
        gap, height = self.mm(sizes.gap), self.mm(sizes.button)
        y = self.y + self.mm(8 if self.theme.portrait else sizes.pad * 0.75) + height
        if self.theme.portrait:
            self._portrait(y, gap, height)
            return
        items = [*self.first, *([self.last] if self.last else [])]
        widths = self._fit(items, gap)
        x = self.x
        for item, width in zip(items, widths, strict=True):
            item.place(self.right - width if item is self.last else x, y, width, height)
            x += width + gap

    def _fit(self, items: list[Flow], gap: float) -> list[float]:
        """Widths of what stands in one row; squeezed, then the widest cut back, where the row is too short."""
        room = self.width - gap * (len(items) - 1)
        if sum(item.wanted_width() for item in items) > room:
            for item in items:
                item.squeeze()
        wants = [item.wanted_width() for item in items]
        most = room
        while sum(min(want, most) for want in wants) > room:
            most -= 4.0
        return [min(want, most) for want in wants]

    def _portrait(self, y: float, gap: float, height: float) -> None:
        row = list(self.first)
        if self.last and self.stacked:
            self.last.place(self.x, y + height + gap, self.width, height)
        elif self.last:
            row.append(self.last)
        wants = self._fit(row, gap)
        extra = (self.width - sum(wants) - gap * (len(row) - 1)) / max(1, len(row))
        x = self.x
        for item, want in zip(row, wants, strict=True):
            item.place(x, y, want + extra, height)
            x += want + extra + gap


class Frame(Flat):
    """One whole screen: the shape of a view in its frame. `bare` ones leave the paper to the window, and spare its pixels."""

    bare = BooleanProperty(False)

    def __init__(self, shape: Shape, status: Status, words: Words, rail: Rail, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape, self.rail = shape, rail
        self._words = words
        self.strip = Strip(status, words, theme=self.theme)
        self.bar = WayBar(shape.actions(), theme=self.theme)
        for part in (self.strip, shape, self.bar, rail):
            self.add_widget(part)
        shape.changed = self.renew_actions

    def set_status(self, status: Status) -> None:
        """Draw the strip anew: a card came in, a minute went."""
        self.remove_widget(self.strip)
        self.strip = Strip(status, self._words, theme=self.theme)
        self.add_widget(self.strip)
        self.arrange()

    def renew_actions(self) -> None:
        """Draw the action bar anew: a digit more, a code that is complete."""
        self.remove_widget(self.bar)
        self.bar = WayBar(self.shape.actions(), theme=self.theme)
        self.add_widget(self.bar)
        self._arrange_bar()

    def arrange(self) -> None:
        sizes, portrait = self.theme.sizes, self.theme.portrait
        rail, strip, pad = self.mm(sizes.rail), self.mm(sizes.strip), self.mm(sizes.pad)
        left = self.x if portrait else self.x + rail
        width = self.right - left
        self.rail.place(*(self._rail_place(rail)))
        self.strip.place(left, self.top, width, strip)
        bar = self._arrange_bar()
        top = self.top - strip - self.mm(5 if self.theme.large else self.shape.head_mm or sizes.pad * 0.9)
        room = width - 2 * pad - self._pad_column()
        if self._pad_column() and self.shape.pad is not None:
            self._place_pad(left + pad + room + pad)
        self.shape.place(left + pad, top, room, top - bar)

    def _rail_place(self, rail: float) -> tuple[float, float, float, float]:
        if self.theme.portrait:
            return self.x, self.y + rail, self.width, rail
        return self.x, self.top, rail, self.height

    def _arrange_bar(self) -> float:
        """Place the bar; returns its upper edge."""
        rail, pad = self.mm(self.theme.sizes.rail), self.mm(self.theme.sizes.pad)
        left, bottom = (self.x, self.y + rail) if self.theme.portrait else (self.x + rail, self.y)
        width = self.right - left - 2 * pad - self._pad_column()
        height = self.bar.height_for(width)
        self.bar.place(left + pad, bottom + height, width, height)
        return float(bottom + height)

    def _pad_column(self) -> float:
        """On the smallest panel the code pad has a column of its own, down to the bottom edge."""
        if not self.theme.small_panel or self.shape.pad is None:
            return 0.0
        sizes = self.theme.sizes
        return self.mm(3 * sizes.key + 2 * sizes.key_gap + sizes.pad)

    def _place_pad(self, x: float) -> None:
        pad = self.shape.pad
        if pad is None:
            return
        if pad.parent is None:
            self.add_widget(pad)
        width = pad.wanted_width()
        pad.place(x, self.top - self.mm(self.theme.sizes.strip + 6.5), width, pad.height_for(width))


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
