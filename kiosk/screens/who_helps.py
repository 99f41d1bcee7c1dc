"""The panel of who helps where the station cannot: who is there now, when, where and by which telephone, the block line last."""

from kiosk.screens.background import Flat
from kiosk.screens.framed import SheetPanel
from kiosk.screens.layout import Flow, FlowColumn, FlowRow
from kiosk.screens.panels import rule
from kiosk.screens.text import Icon, Lead, Small, Strong
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Point, WhoHelps

WIDTH_MM = {"10": 76.0, "7": 58.0, "p": 0.0}
"""Beside what is said; in portrait it lies below, from edge to edge."""


class Hairline(Flat):
    """Divides two parts of the panel; none where it goes over pages."""

    def height_for(self, width: float) -> float:
        return float(self.theme.border(0.2))

    def parts(self, width: float) -> list[Flow]:
        return []


def who_helps_panel(told: WhoHelps, words: ScreenTexts, theme: Theme) -> SheetPanel:
    """All of it on one sheet."""
    small = theme.small_panel
    title = Lead(theme=theme, text=f"[b]{words(told.title)}[/b]")
    title.heads = True
    rows: list[Flow] = [title]
    if told.meanwhile is not None:
        rows += [_row(told.meanwhile, words, theme), Hairline(theme=theme, fill=theme.colours.line)]
    rows += [_row(point, words, theme) for point in told.rows]
    if told.block_line is not None:
        rows += [Hairline(theme=theme, fill=theme.colours.line), _row(told.block_line, words, theme, "failure")]
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
