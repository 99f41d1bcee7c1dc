"""Screen of `Tell`: what happened, what it means, what to do now."""

from pathlib import Path
from typing import Any

from kivy.lang import Builder

from kiosk.screens.background import Flat
from kiosk.screens.drawings.figure import about_stage
from kiosk.screens.framed import SheetPanel
from kiosk.screens.layout import Beside, Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.panels import Badge, point_rows, rule, tries_panel
from kiosk.screens.receipt import scan_panel
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Display, Icon, Lead, Small, Strong, Text
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Point, ReaderDrawing, Tell, WhoHelps
from kiosk.views.families import family_drawing

TRIES_MM = 78.0
BESIDE_BADGE_MM = 66.0
ABOUT_MM = {"10": 52.0, "p": 62.0}
"""Of the drawing beside a title; the smallest panel has the badge alone."""


WIDTH_MM = {"10": 76.0, "7": 58.0, "p": 0.0}
"""Beside what is said; in portrait it lies below, from edge to edge."""


class Hairline(Flat):
    """Divides two parts of the panel; none where it goes over pages."""

    def height_for(self, width: float) -> float:
        return float(self.theme.border(0.2))

    def parts(self, width: float) -> list[Flow]:
        return []


def who_helps_panel(who_helps: WhoHelps, words: ScreenTexts, theme: Theme) -> SheetPanel:
    """All of it on one sheet."""
    small = theme.small_panel
    title = Lead(theme=theme, text=f"[b]{words(who_helps.title)}[/b]")
    title.heads = True
    rows: list[Flow] = [title]
    if who_helps.meanwhile is not None:
        rows += [_row(who_helps.meanwhile, words, theme), Hairline(theme=theme, fill=theme.colours.line)]
    rows += [_row(point, words, theme) for point in who_helps.rows]
    if who_helps.block_line is not None:
        rows += [Hairline(theme=theme, fill=theme.colours.line), _row(who_helps.block_line, words, theme, "failure")]
    column = FlowColumn(rows, theme=theme, gap=1.8 if small else 3.4)
    return SheetPanel(
        column, theme=theme, padding=(3.4, 2.6) if small else (5.5, 5), width_mm=WIDTH_MM[theme.panel.name]
    )


def _row(point: Point, words: ScreenTexts, theme: Theme, tone: str = "primary") -> FlowRow:
    """A glyph, and a line; its second line stands below it, behind it where there is little room."""
    text = words(point.text)
    if point.detail is None:
        return rule(theme, text, point.icon, tone, top=True)
    if theme.small_panel or theme.large:
        return rule(theme, f"[b]{text}.[/b] {words(point.detail)}", point.icon, tone, top=True)
    lines: list[Flow] = [Strong(theme=theme, text=text), Small(theme=theme, text=words(point.detail), tone="muted")]
    icon = Icon(theme=theme, name=point.icon, size_mm=7, tone=tone)
    return FlowRow([icon, FlowColumn(lines, theme=theme, grow=True)], theme=theme, gap=2.4, top=True)


class Done(Display):
    """The title when all is well."""


class BareOrBadged(FlowColumn):
    """A title alone, and with its badge once it goes over pages: they have room for it."""

    def __init__(self, title: Flow, badged: Flow, **kwargs: Any) -> None:
        super().__init__([title], **kwargs)
        self.badged = badged

    def parts(self, width: float) -> list[Flow]:
        return [self.badged]


class ColumnHeading(Text):
    """Over one of two columns."""


class TellShape(Shape):
    """The badge, the words, and a drawing, a code or the tries left beside them."""

    view: Tell
    tells_all = True

    def build(self) -> Flow:
        view, theme = self.view, self.theme
        points = point_rows(view.points, self.words, theme)
        if view.badge == "success":
            return self._done(points)
        head = self.head(view.badge, view.badge_icon, gap=4 if view.tries else 6)
        if view.tries:
            return self._with_tries(head, points)
        if view.who_helps:
            return self._with_who_helps(view.who_helps, points)
        meaning, steps = self._told_and_steps()
        if meaning and steps and not theme.large:
            return self._in_two(head if theme.small_panel else self._about(), meaning, steps)
        gap = 5.5 if view.points and not theme.small_panel else theme.sizes.gap * 1.25
        return self.split([head, *self.leads(), *points, Spacer(theme=theme), *self.note()], self._beside(), gap=gap)

    def _done(self, points: list[Flow]) -> Flow:
        """All is well: the badge above the title. The smallest panel has it beside the title where points follow, and none where
        somebody helps: that room is for the words."""
        view, theme = self.view, self.theme
        title: Flow = Done(theme=theme, text=self.words(view.title))
        badge = Badge(view.badge_icon, theme.sizes.badge * 0.8, theme=theme, kind="success")
        above: list[Flow] = []
        if theme.small_panel and view.points and not view.who_helps:
            title = FlowRow([badge, FlowBox(title, theme=theme, grow=True, centre=True)], theme=theme, gap=4)
        elif not (theme.small_panel and view.who_helps):
            above = [FlowRow([badge], theme=theme)]
        column = [*above, title, *self.leads(), *points]
        beside = who_helps_panel(view.who_helps, self.words, theme) if view.who_helps else self._beside()
        return self.split([*column, Spacer(theme=theme), *self.note()], beside, stretch=not view.who_helps)

    def actions(self) -> Actions:
        """The smallest panel prints nothing of who helps."""
        usual = super().actions()
        bare = self.theme.small_panel and self.view.who_helps is not None and self.view.way_out is None
        return Actions([], usual.right) if bare else usual

    def _with_who_helps(self, who_helps: WhoHelps, points: list[Flow]) -> Flow:
        """Lay out what happened and what to do beside who helps; on the smallest panel the badge leaves its room to the words."""
        theme = self.theme
        badge = Badge(self.view.badge_icon, theme.sizes.badge * 0.7, theme=theme, kind=self.view.badge)
        head: Flow = FlowRow([badge, FlowBox(self.title(), theme=theme, grow=True, centre=True)], theme=theme, gap=4)
        if theme.small_panel:
            head = BareOrBadged(self.title(), head, theme=theme)
        says: list[Flow] = [head, *self.leads(), *points, Spacer(theme=theme), *self.note()]
        return self.split(says, who_helps_panel(who_helps, self.words, theme), stretch=False)

    def _told_and_steps(self) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
        """Return the points of what it means, and those of what to do: the numbered points."""
        steps = tuple(point for point in self.view.points if point.bullet == "number")
        return tuple(point for point in self.view.points if point.bullet != "number"), steps

    def _in_two(self, head: Flow, meaning: tuple[Point, ...], steps: tuple[Point, ...]) -> Flow:
        """Lay out what it means beside what to do, below the head; in portrait below each other, each on a sheet."""
        theme = self.theme
        gap = {"10": 3.2, "7": 1.6, "p": 5.0}[theme.panel.name]
        columns: list[Flow] = [
            FlowColumn(
                [ColumnHeading(theme=theme, text=self.words.frame(name)), *point_rows(points, self.words, theme)],
                theme=theme, gap=gap, grow=True,
            )
            for name, points in (("frame.means", meaning), ("frame.do", steps))
        ]  # fmt: skip
        if theme.portrait:
            sheets = [SheetPanel(column, theme=theme, padding=(9, 8)) for column in columns]
            return FlowColumn([head, *sheets, Spacer(theme=theme), *self.note()], theme=theme, gap=8)
        both = Beside(columns, theme=theme, gap=5 if theme.small_panel else 7, top=True, grow=True)
        return FlowColumn([head, both, *self.note()], theme=theme, gap=3 if theme.small_panel else 7)

    def _about(self) -> FlowRow:
        """The drawing of the family with the badge in its corner, beside title and lead."""
        view, theme = self.view, self.theme
        about = about_stage(family_drawing(view), theme, ABOUT_MM[theme.panel.name], view.badge)
        text = FlowColumn([self.title(), *self.leads()], theme=theme, gap=theme.sizes.gap * 0.6)
        return FlowRow([about, FlowBox(text, theme=theme, grow=True, centre=True)], theme=theme, gap=7)

    def _beside(self) -> Flow | None:
        view = self.view
        if view.receipt:
            return scan_panel(view.receipt, self.words, self.theme)
        caption = self.words(view.drawing_text) if view.drawing_text else ""
        narrow = BESIDE_BADGE_MM if view.badge != "success" and isinstance(view.drawing, ReaderDrawing) else 0
        return self.drawing(caption, width_mm=narrow, family=family_drawing(view))

    def _with_tries(self, head: Flow, points: list[Flow]) -> Flow:
        theme = self.theme
        tries = self.view.tries
        assert tries is not None
        lines = [*self.leads(), *points, *self.note()]
        gap = theme.sizes.gap * (1 if theme.small_panel else 1.75)
        if theme.portrait:
            panel = tries_panel(tries, self.words, theme)
            return FlowColumn([head, FlowColumn(lines, theme=theme, gap=7), panel, self.rest()], theme=theme, gap=10)
        panel = tries_panel(tries, self.words, theme, width_mm=46 if theme.small_panel else TRIES_MM)
        column = FlowColumn(
            [*lines, Spacer(theme=theme)], theme=theme, gap=2.5 if theme.small_panel else theme.sizes.gap, grow=True
        )
        body = Beside([column, panel], theme=theme, gap=5 if theme.small_panel else 9, top=True, grow=True)
        return FlowColumn([head, body], theme=theme, gap=gap)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
