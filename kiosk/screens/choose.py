"""Screen of `Choose`: tiles (the home screen, with the invitation beside them) or a list."""

from pathlib import Path
from typing import Any

from kivy.lang import Builder

from kiosk.screens.drawings.figure import invitation
from kiosk.screens.framed import DrawingStage, Grid, Tile, TileButton
from kiosk.screens.layout import Beside, Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.listening_panel import ListeningControls, listening_panel
from kiosk.screens.panels import NotePanel, note_panel
from kiosk.screens.shape import Actions, Answer, Shape
from kiosk.screens.text import Icon, Lead, Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Choose, Note, Option

TILE_MM = {"10": 24.0, "7": 15.0, "p": 46.0}
"""A tile of the home screen is at most so high, however few there are."""
LIST_MOST = 4
"""Options in one column; more stand in two."""
FEW = 4
"""So few rows leave the upright panel room for a drawing."""
CARD_MM = 26.0
"""A drawing beside options on the smallest panel: the words of a tile stand on one line."""
SMALL_MOST = 6
"""On the smallest panel more than these stand in three columns: a row under 12 mm is no target."""

UNTITLED_MOST = 9
"""On the smallest panel more than these stand in four rows."""


class AsideTitle(Lead):
    """The question on the invitation."""


class FootText(Small):
    """The line of help in the action bar, and its number."""


class ChooseShape(Shape):
    """`listening`: somebody listens, and sets how it is said in the place of the invitation."""

    view: Choose

    def __init__(
        self, view: Choose, words: ScreenTexts, theme: Theme, answer: Answer, listening: ListeningControls | None = None
    ) -> None:
        self.listening = listening
        super().__init__(view, words, theme, answer)

    def build(self) -> Flow:
        theme = self.theme
        leads = self.leads()
        for lead in leads:
            lead.drop = lead.drop or 2  # a tile under its least height is no target
        head: list[Flow] = [self.title(), *leads]
        if self.view.banner and theme.small_panel and not theme.large:
            head = [self._banner(self.view.banner)]  # no room for both, and the question is plain
        elif self.view.banner:
            head.append(note_panel(self.view.banner, self.words, theme, drop=4))
        tiles = [self._tile(option) for option in self.view.options]
        if self.view.layout == "tiles":
            gap, most = 3.0 if theme.small_panel else 3.2, TILE_MM[theme.panel.name]
            grid = Grid(tiles, columns=2, gap=gap, most_mm=most, theme=theme, grow=True, tall=True)
            return FlowColumn(
                [*head, self._beside(grid)], theme=theme, gap=2.4 if theme.small_panel else theme.sizes.gap
            )
        columns = 2 if len(tiles) > LIST_MOST or theme.small_panel else 1
        if theme.small_panel and len(tiles) > SMALL_MOST:
            columns = 3
        if theme.small_panel and not theme.large and len(tiles) > UNTITLED_MOST:
            head = []  # four rows leave no room for it; the strip names the errand
        under = self.view.waits_for is not None
        gap, most = 3.2 if head else 2.0, 34 if theme.portrait else 24
        rows = Grid(tiles, columns=columns, gap=gap, most_mm=most, theme=theme, grow=True)
        shown = self.drawing(width_mm=CARD_MM if theme.small_panel else 0)
        if theme.portrait and shown is None and not theme.large and len(tiles) <= FEW * columns:
            high = FixedHeight(rows, most * -(-len(tiles) // columns), theme=theme)
            parts = [high, *self.note()] if under else [*self.note(), high]
            return FlowColumn([*head, *parts, self.rest()], theme=theme, gap=theme.sizes.gap)
        return self.split([*head, rows, *self.note()] if under else [*head, *self.note(), rows], shown)

    def primary(self) -> Flow | None:
        return self.wait(self.words(self.view.waits_for), "timer-sand") if self.view.waits_for else super().primary()

    def _banner(self, banner: Note) -> Flow:
        """In as few lines as it takes: tiles stand below."""
        text = self.words(banner.text)
        whole = f"[b]{self.words(banner.title)}.[/b] {text}" if banner.title else text
        return NotePanel([Small(theme=self.theme, text=whole)], banner.kind, self.theme)

    def actions(self) -> Actions:
        """At home the line of help takes the left side, unless a caption does, and the side way the right."""
        usual = super().actions()
        if self.view.footer is None:
            return usual
        right = usual.right or (self.button(self.view.side) if self.view.side else None)
        left = [self.button(self.view.way_out)] if self.view.way_out else []
        captioned = self.listening is not None and not self.theme.portrait and not self.theme.large
        return Actions([*([] if captioned else [self._footer()]), *left], right)

    @property
    def side_is_under_help(self) -> bool:
        return False

    def _tile(self, option: Option) -> Flow:
        if option.reason:
            return Tile(option, self.words, theme=self.theme)
        return TileButton(
            option=option,
            words=self.words,
            theme=self.theme,
            target=option.value,
            act=lambda: self.answer(option.value),
        )

    def _beside(self, grid: Grid) -> Flow:
        theme = self.theme
        if self.view.aside is None or theme.large:
            return grid
        if self.listening is not None:
            panel = listening_panel(self.listening, self.words, theme)
            return self._aside(grid, FixedHeight(panel, 95, theme=theme) if theme.portrait else panel)
        question, hint = (self.words(line) for line in self.view.aside)
        lines: list[Flow] = [AsideTitle(theme=theme, text=question)]
        if not theme.small_panel:
            lines.append(Small(theme=theme, text=hint, tone="on_rail", line=1.53))
        if theme.portrait:
            text = FlowBox(FlowColumn(lines, theme=theme, gap=3), theme=theme, grow=True, centre=True)
            figure = invitation(theme)
            figure.tall = True
            stage = DrawingStage(FlowRow([figure, text], theme=theme, gap=10), theme=theme, padding=(10, 8))
            return self._aside(grid, FixedHeight(stage, 95, theme=theme))
        inside = FlowColumn([*lines, Spacer(1, theme=theme), invitation(theme)], theme=theme)
        wide = 28 if theme.small_panel else 47
        padding = (2.5, 3) if theme.small_panel else (4, 5)
        stage = DrawingStage(inside, theme=theme, padding=padding, width_mm=wide, tall=True)
        return self._aside(grid, stage)

    def _aside(self, grid: Grid, stage: Flow) -> Flow:
        theme = self.theme
        if theme.portrait:
            return FlowColumn([grid, stage], theme=theme, gap=9, grow=True)
        return Beside([grid, stage], theme=theme, gap=3 if theme.small_panel else 5, grow=True)

    def _footer(self) -> Flow:
        theme = self.theme
        text, number = self.view.footer or ("", "")
        plain_text = self.words(text)
        lines: list[Flow] = [FootText(theme=theme, text=f"[b]{self.words(number)}[/b]")]
        if not theme.large:
            lines.insert(0, FootText(theme=theme, text=plain_text, tone="muted"))
        phone = Icon(theme=theme, name="phone", size_mm=9 if theme.large else 6, tone="failure")
        gap = 2 if theme.large and theme.small_panel else 3  # the bar's way on stands beside it
        return HelpLine([phone, FootLines(lines, theme=theme)], theme=theme, gap=gap)


class FootLines(FlowColumn):
    """The line of help above its number, which stands alone where there is no room for both."""

    def squeeze(self) -> None:
        for item in self.items[:-1]:
            self.remove_widget(item)
        del self.items[:-1]


class HelpLine(FlowRow):
    """The line of help with its glyph."""

    def squeeze(self) -> None:
        for item in self.items:
            item.squeeze()


class FixedHeight(FlowBox):
    """A flow of a given height in millimetres."""

    def __init__(self, inside: Flow, height_mm: float, **kwargs: Any) -> None:
        super().__init__(inside, **kwargs)
        self.height_mm = height_mm

    def height_for(self, width: float) -> float:
        return self.mm(self.height_mm)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
