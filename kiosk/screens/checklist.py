"""Screen of `Checklist`: what is asked of the one person to the left, the panel with the rows of the other to the right.

A row is at least as high as a finger is wide. Where the panel is higher than its place (the smallest panel, large text) the rows
go over pages, each with a border of its own; the page with the first open row is shown first.
"""

from collections.abc import Callable
from pathlib import Path

from kivy.lang import Builder
from kivy.properties import BooleanProperty

from kiosk.screens.background import Flat, Framed
from kiosk.screens.clipping import is_unclipped
from kiosk.screens.framed import FramedBox, Plate, Touchable
from kiosk.screens.layout import Beside, Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.panels import FactDivider
from kiosk.screens.shape import Shape
from kiosk.screens.text import Icon, Small, Strong
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Checklist, Option

ROW_MM = {"10": 12.0, "7": 12.4, "p": 17.0}
PANEL_MM = 107.5
HEAD_MM = 5.0


class Compared(Flow):
    """Text to check, and at the other edge what it is compared with; below each other where both do not fit."""

    def __init__(self, text: str, reference: str, theme: Theme) -> None:
        super().__init__(theme=theme, grow=True)
        self.texts = [Strong(theme=theme, text=text)]
        if reference:
            self.texts.append(Small(theme=theme, text=reference, tone="muted"))
        for each in self.texts:
            self.add_widget(each)

    def wanted_width(self) -> float:
        return sum(each.wanted_width() for each in self.texts) + self.mm(3) * (len(self.texts) - 1)

    def height_for(self, width: float) -> float:
        if self._fits(width):
            return max(each.height_for(each.wanted_width()) for each in self.texts)
        return sum(each.height_for(width) for each in self.texts)

    def arrange(self) -> None:
        beside, y = self._fits(self.width), self.top
        for each in self.texts:
            wide = each.wanted_width() if beside else self.width
            high = each.height_for(wide)
            at_end = beside and each is not self.texts[0]
            top = self.center_y + high / 2 if beside else y
            each.place(self.right - wide if at_end else self.x, top, wide, high)
            y -= high

    def _fits(self, width: float) -> bool:
        return self.wanted_width() <= width


class CheckRow(Touchable, Framed):
    """One check: open, or ticked. `alone`: on a page, outside the panel."""

    alone = BooleanProperty(False)

    def __init__(self, option: Option, ticked: bool, words: ScreenTexts, theme: Theme, act: Callable[[], None]) -> None:
        super().__init__(target=option.value, act=act, theme=theme, grow=True)
        self.ticked = ticked
        name, tone = ("check-circle", "success") if ticked else ("circle-outline", "edge")
        mark = Icon(theme=theme, name=name, size_mm=8.4 if theme.large else 6.6, tone=tone)
        reference = words(option.detail) if option.detail else ""
        row = FlowRow([mark, Compared(words(option.title), reference, theme)], theme=theme, gap=3.4)
        self.inside = FlowBox(row, theme=theme, padding=(3 if theme.small_panel else 5, 0.2), centre=True)
        self.divider = FactDivider(theme=theme)
        self.add_widget(self.inside)
        self.add_widget(self.divider)

    def height_for(self, width: float) -> float:
        return max(self.inside.height_for(width), self.mm(ROW_MM[self.theme.panel.name]))

    def arrange(self) -> None:
        self.inside.place(self.x, self.top, self.width, self.height)
        self.divider.place(self.x, self.top, self.width, self.theme.border(0.2))

    def parts(self, width: float) -> list[Flow]:
        self.alone, self.grow = True, False
        self.remove_widget(self.divider)
        return [self]


class CheckHeading(FramedBox):
    """Heading of a side, with its progress. In the panel its lower corners are square."""

    def __init__(self, side: str, progress: str, theme: Theme) -> None:
        texts: list[Flow] = [
            Small(theme=theme, text=f"[b]{side}[/b]", grow=True),
            Small(theme=theme, text=progress, tone="muted"),
        ]
        row = FlowRow(texts, theme=theme, gap=3)
        super().__init__(row, theme=theme, padding=(3, 1) if theme.small_panel else (5, 1.9))
        self.square = Flat(theme=theme, fill=theme.colours.soft)
        self.add_widget(self.square, index=1)

    def arrange(self) -> None:
        super().arrange()
        half = round(self.height / 2)
        self.square.place(self.x, self.y + half, self.width, half)

    def parts(self, width: float) -> list[Flow]:
        self.remove_widget(self.square)
        return [self]


class CheckPanel(FramedBox):
    """The rows under their heading."""

    def parts(self, width: float) -> list[Flow]:
        return FlowBox.parts(self, width)


class ChecklistShape(Shape):
    view: Checklist
    head_mm = HEAD_MM

    def build(self) -> Flow:
        view, theme = self.view, self.theme
        self.rows = [self._row(option) for option in view.options]
        heading = CheckHeading(self.words(view.heading), self.words(view.progress), theme)
        lines = FlowColumn([heading, *self.rows], theme=theme)
        panel = CheckPanel(lines, theme=theme, padding=(0.3, 0.3), width_mm=PANEL_MM)
        says: list[Flow] = [self.title(), *self.leads()]
        if theme.small_panel or theme.large:
            return FlowColumn([*says, panel, Spacer(theme=theme)], theme=theme, gap=theme.sizes.gap)
        shown = self.drawing() or Spacer(theme=theme)
        shown.grow = True
        if theme.portrait:
            return FlowColumn([*says, panel, shown], theme=theme, gap=8)
        panel.tall = True
        left = FlowColumn([*says, shown], theme=theme, gap=theme.sizes.gap, grow=True)
        return Beside([left, panel], theme=theme, gap=7, top=True, grow=True)

    def primary(self) -> Plate:
        return self.wait(self.words(self.view.waits_for))

    def needs_pages(self) -> bool:
        """The panel is as high as its rows, whatever the text size."""
        return self.turns and self.pages is None and not is_unclipped(self)

    def opening_page(self) -> int:
        pages = self.pages.pages if self.pages else []
        first_open = next((row for row in self.rows if not row.ticked), None)
        return next((at for at, page in enumerate(pages) if first_open in page.children), 0)

    def _row(self, option: Option) -> CheckRow:
        ticked = option.value in self.view.ticked
        return CheckRow(option, ticked, self.words, self.theme, lambda: self.answer(option.value))


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
