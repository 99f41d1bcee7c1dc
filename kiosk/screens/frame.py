"""Frame that all screens share: rail, status strip, body and action bar, laid out for the panel.

The rail is always there, in the same order and place. The strip is not touchable. What does not fit goes over
pages (`pages`): until the last of them the primary's place has the way to the next.

The caption of what is spoken stands at the left of the action bar where that is free, else in the strip's place. With larger
text there is none: the screen is its own caption.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import BooleanProperty, StringProperty

from kiosk.screens.background import Flat
from kiosk.screens.button_bar import ButtonBar, PageTurner
from kiosk.screens.checklist import ChecklistShape
from kiosk.screens.choose import ChooseShape
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import FramedBox
from kiosk.screens.layout import Flow, FlowBox, FlowRow, Spacer
from kiosk.screens.rail import Rail
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Icon, Small, Tiny
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Step

LINES = 2
LEAST_MM = 60.0
"""Narrower than this it says too little: then it takes the strip's place."""


class CaptionText(Small):
    """Text of the caption."""


class Caption(FramedBox):
    """The `sentences` that are said; the one `at` is being said."""

    def __init__(self, sentences: Sequence[str], at: int, words: ScreenTexts, theme: Theme) -> None:
        self._sentences, self._at = [words(sentence) for sentence in sentences], at
        self.label = CaptionText(theme=theme, tone="on_rail", grow=True)
        icon = Icon(theme=theme, name="headphones", size_mm=theme.sizes.label * 1.4, tone="on_rail")
        row = FlowRow([icon, FlowBox(self.label, theme=theme, grow=True, centre=True)], theme=theme, gap=2.4)
        super().__init__(row, theme=theme, padding=(3, 0))

    def arrange(self) -> None:
        """As many sentences as two lines hold: the one of the moment, then those after it, then those before."""
        width = self.width - 2 * self.mm(self.padding[0]) - self.mm(self.theme.sizes.label * 1.4 + 2.4)
        first = last = self._at
        if not self._fits(self._text(first, last), width):
            self.label.text = self._shortened(width)
        else:
            while last + 1 < len(self._sentences) and self._fits(self._text(first, last + 1), width):
                last += 1
            while first and self._fits(self._text(first - 1, last), width):
                first -= 1
            self.label.text = self._text(first, last)
        super().arrange()

    def _text(self, first: int, last: int) -> str:
        shown = range(first, last + 1)
        return " ".join(f"[b]{self._sentences[at]}[/b]" if at == self._at else self._sentences[at] for at in shown)

    def _shortened(self, width: float) -> str:
        """The beginning of a sentence that is longer than two lines."""
        words = self._sentences[self._at].split(" ")
        while len(words) > 1 and not self._fits(f"[b]{' '.join(words)} …[/b]", width):
            words.pop()
        return f"[b]{' '.join(words)} …[/b]"

    def _fits(self, text: str, width: float) -> bool:
        self.label.text = text
        return self.label.extent_at(round(width))[1] <= LINES


@dataclass(frozen=True)
class StripStatus:
    """Words of the strip beside the errand. `clock` is hours and minutes as they are shown."""

    errand: str
    step: Step | None
    clock: str
    card_in: str = ""
    """That a card is in, or both; empty where none is."""
    attended: str = ""
    """Who hands over, or checks."""
    ends: str = ""
    """What ends the stay of whoever is logged in."""
    unreviewed: str = ""
    """That nobody has reviewed the translation."""


class Pips(Flow):
    """The steps as pips; the one of the moment is long. More than four take no more room than four."""

    most_mm = 20.0

    def __init__(self, step: Step, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.scale = min(1.0, self.most_mm / (4 * (step.of - 1) + 8))

    def wanted_width(self) -> float:
        return self.mm(self.scale * (4 * (self.step.of - 1) + 8))

    def height_for(self, width: float) -> float:
        return self.mm(1.6)

    def arrange(self) -> None:
        self.canvas.clear()
        pen, colours, x = Pen(self.canvas, self.x, self.top, self.mm(1)), self.theme.colours, 0.0
        for at in range(1, self.step.of + 1):
            width = self.scale * (8 if at == self.step.at else 3)
            done = at <= self.step.at
            pen.rect(x, 0, width, 1.6, 0.8, colours.primary if done else colours.line)
            if self.theme.contrast and not done:
                pen.rect(x + 0.3, 0.3, width - 0.6, 1.0, 0.5, colours.paper)
            x += width + self.scale


class ErrandLabel(Tiny):
    """The errand, or the place, in the strip; `plain` for the step beside it."""

    plain = StringProperty("no")

    def leave_out(self, width: float) -> None:
        """Leave words out at the end until it is no wider."""
        while self.wanted_width() > width and " " in self.text:
            self.text = self.text.rsplit(" ", 1)[0].rstrip(" ·,…") + "…"


class Strip(Flow):
    """Errand, step, who attends, whether a card is in, the clock."""

    def __init__(self, status: StripStatus, words: ScreenTexts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        theme = self.theme
        self.errand = ErrandLabel(theme=theme, text=status.errand)
        parts: list[Flow] = [self.errand]
        if status.step:
            step = status.step
            step_text = f"{step.at}/{step.of}" if theme.large else words.frame("frame.step", at=step.at, of=step.of)
            parts += [] if theme.large else [Pips(step, theme=theme)]
            parts.append(ErrandLabel(theme=theme, text=step_text, plain="yes"))
        parts.append(Spacer(theme=theme))
        if not theme.large:
            parts += self._right(status, theme)
        elif status.unreviewed:
            parts.append(Icon(theme=theme, name="alert", size_mm=theme.sizes.small * 2, tone="warning"))
        self.row = FlowRow(parts, theme=theme, gap=3)
        self.hairline = Flat(theme=theme, fill=theme.colours.line)
        self.add_widget(self.row)
        self.add_widget(self.hairline)

    def _shorten(self, width: float) -> None:
        """No more of the errand than there is room for beside the step."""
        over = self.row.wanted_width() - width
        if over > 0 and self.theme.large:
            self.errand.leave_out(self.errand.wanted_width() - over)

    @staticmethod
    def _right(status: StripStatus, theme: Theme) -> list[Flow]:
        parts: list[Flow] = []
        if status.unreviewed:
            parts.append(Tiny(theme=theme, text=status.unreviewed, tone="warning"))
        if status.attended:
            parts.append(Tiny(theme=theme, text=status.attended, tone="muted", drop=2))
        if status.ends:
            parts.append(Tiny(theme=theme, text=status.ends, tone="muted", drop=3))
        if status.card_in:
            icon = Icon(theme=theme, name="smart-card-outline", size_mm=theme.sizes.small * 1.45, tone="muted")
            card_in = Tiny(theme=theme, text=status.card_in, tone="muted")
            parts.append(FlowRow([icon, card_in], theme=theme, gap=1, drop=1))
        parts.append(Tiny(theme=theme, text=status.clock, tone="muted"))
        return parts

    def arrange(self) -> None:
        pad, line = self.mm(self.theme.sizes.pad), self.theme.border(0.2)
        self._shorten(self.width - 2 * pad)
        self.row.place(self.x + pad, self.top, self.width - 2 * pad, self.height - line)
        self.hairline.place(self.x, self.y + line, self.width, line)


class Frame(Flat):
    """One whole screen: the shape of a view in its frame. `bare` ones leave the paper to the window, and spare its pixels."""

    bare = BooleanProperty(False)
    dark = BooleanProperty(False)

    def __init__(self, shape: Shape, status: StripStatus, words: ScreenTexts, rail: Rail, **kwargs: Any) -> None:
        super().__init__(dark=shape.dark, **kwargs)
        self.shape, self.rail = shape, rail
        self._words = words
        self.strip = Strip(status, words, theme=self.theme)
        self.bar = self._new_bar()
        for part in (shape, self.bar, rail):
            self.add_widget(part)
        shape.changed = self.renew_actions
        self.caption: Caption | None = None

    def set_status(self, status: StripStatus) -> None:
        """Draw the strip anew: a card came in, a minute went."""
        if self.dark:
            return
        if self.strip.parent is not None:
            self.remove_widget(self.strip)
        self.strip = Strip(status, self._words, theme=self.theme)
        self.arrange()

    def set_caption(self, sentences: Sequence[str], at: int) -> None:
        """Show what is said, or nothing."""
        if self.caption is not None:
            self.remove_widget(self.caption)
            self.caption = None
        if sentences and not self.theme.large:
            self.caption = Caption(sentences, at, self._words, self.theme)
            self.add_widget(self.caption)
        self._arrange_caption()

    def renew_actions(self) -> None:
        """Draw the action bar anew: a digit more, a code that is complete."""
        self.remove_widget(self.bar)
        self.bar = self._new_bar()
        self.add_widget(self.bar)
        self._arrange_bar()

    def turn(self, by: int) -> None:
        """Show another page of what does not fit on one."""
        if self.shape.pages is not None:
            self.shape.pages.turn(by)
            self.renew_actions()
            self._arrange_body()

    def arrange(self) -> None:
        rail, strip = self.mm(self.theme.sizes.rail), self.mm(self.theme.sizes.strip)
        left = self.x if self.theme.portrait else self.x + rail
        self.rail.place(*(self._rail_place(rail)))
        self.strip.place(left, self.top, self.right - left, strip)
        self._arrange_bar()
        self._arrange_body()
        if self.shape.needs_pages():
            self._go_over_pages()

    def _go_over_pages(self) -> None:
        wide, first = self._room, self.bar
        pages = self.shape.paginate(wide)
        self._turner = PageTurner(
            self.turn,
            first.first,
            self._words,
            self.theme,
            choices=isinstance(self.shape, ChooseShape | ChecklistShape),
        )
        bottom = self.y + (self.mm(self.theme.sizes.rail) if self.theme.portrait else 0.0)
        answers = ButtonBar(Actions([self._turner.back, *first.first], first.last), theme=self.theme)
        rooms = [self._body_top - bottom - answers.height_for(wide)]
        rooms.insert(0, self._body_top - bottom - self._turner.bar(wide, back=True).height_for(wide))
        pages.fit(wide, *rooms)
        pages.turn(self.shape.opening_page())
        self.turn(0)

    @property
    def _room(self) -> float:
        sizes = self.theme.sizes
        rail = 0.0 if self.theme.portrait else self.mm(sizes.rail)
        return float(self.width - rail - 2 * self.mm(sizes.pad))

    @property
    def _body_top(self) -> float:
        sizes = self.theme.sizes
        below = sizes.head if self.theme.large else self.shape.head_mm or sizes.pad * 0.9
        strip = sizes.pad / 2 if self.dark else sizes.strip
        return float(self.top - self.mm(strip) - self.mm(below))

    def _arrange_body(self) -> None:
        sizes = self.theme.sizes
        pad, column = self.mm(sizes.pad), self._pad_column()
        left = self.x if self.theme.portrait else self.x + self.mm(sizes.rail)
        room = self.right - left - 2 * pad - column
        self._place_pad(left + pad + room + pad if column else None)
        self.shape.place(left + pad, self._body_top, room, self._body_top - self.bar.top)

    def _new_bar(self) -> ButtonBar:
        pages, upright = self.shape.pages, self.shape.pad is not None and self.theme.small_panel
        if pages is None:
            return ButtonBar(self.shape.actions(), theme=self.theme, upright=upright)
        if not pages.last:
            return self._turner.bar(self._room, back=pages.at > 0)
        usual = self.shape.actions()
        back = [self._turner.back] if pages.at else []
        return ButtonBar(Actions([*back, *usual.left], usual.right), theme=self.theme, upright=upright)

    def _rail_place(self, rail: float) -> tuple[float, float, float, float]:
        if self.theme.portrait:
            return self.x, self.y + rail, self.width, rail
        return self.x, self.top, rail, self.height

    def _arrange_bar(self) -> None:
        rail, pad = self.mm(self.theme.sizes.rail), self.mm(self.theme.sizes.pad)
        left, bottom = (self.x, self.y + rail) if self.theme.portrait else (self.x + rail, self.y)
        width = self.right - left - 2 * pad - self._pad_column()
        height = self.bar.height_for(width)
        self.bar.place(left + pad, bottom + height, width, height)
        self._arrange_caption()

    def _arrange_caption(self) -> None:
        """At the left of the action bar where nothing else is, or over the strip."""
        strip, beside = self.strip, self._beside_last()
        shown = not self.dark and (self.caption is None or beside is not None)
        if shown and strip.parent is None:
            self.add_widget(strip)
        elif not shown and strip.parent is not None:
            self.remove_widget(strip)
        if self.caption is not None:
            inset = self.mm(self.theme.sizes.pad / 2)
            self.caption.place(*(beside or (strip.x + inset, strip.top, strip.width - 2 * inset, strip.height)))

    def _beside_last(self) -> tuple[float, float, float, float] | None:
        """The place that the action bar leaves free."""
        bar, last = self.bar, self.bar.last
        if self.theme.portrait or bar.first or last is None:
            return None
        room = last.x - self.mm(self.theme.sizes.gap) - bar.x
        return (bar.x, last.top, room, last.height) if room >= self.mm(LEAST_MM) else None

    def _pad_column(self) -> float:
        """On the smallest panel the code pad has a column of its own, down to the bottom edge."""
        pages = self.shape.pages
        if not self.theme.small_panel or self.shape.pad is None or (pages and not pages.last):
            return 0.0
        sizes = self.theme.sizes
        return self.shape.pad.wanted_width() + self.mm(sizes.pad)

    def _place_pad(self, x: float | None) -> None:
        """In its column, which begins at `x`, or nowhere."""
        pad = self.shape.pad
        if pad is None or not self.theme.small_panel:
            return
        if x is None:
            self.remove_widget(pad)
            return
        if pad.parent is None:
            self.add_widget(pad)
        width = pad.wanted_width()
        pad.place(x, self.top - self.mm(self.theme.sizes.strip + 6.5), width, pad.height_for(width))


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
