"""Screen of `Confirm`: what will happen, in points, with the facts beside it; a warning; or a receipt to read and sign."""

from kiosk.screens.drawings.figure import about_stage
from kiosk.screens.framed import SheetPanel
from kiosk.screens.layout import Beside, Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.panels import FactTable, note_panel, point_rows
from kiosk.screens.receipt import promise_fits, scan_panel, slip
from kiosk.screens.shape import Shape
from kiosk.screens.text import Small
from kiosk.views import AboutDrawing, CardDrawing, Confirm, Note
from kiosk.views.families import family_drawing

FACTS_MM = 74.0
MOST_POINTS, MOST_WITH_FACTS = 4, 4
"""So few leave room for a drawing, alone and together with facts."""


class ConfirmShape(Shape):
    """Points and facts, a card's face and facts, or the receipt."""

    view: Confirm
    tells_all = True

    def build(self) -> Flow:
        view, theme = self.view, self.theme
        if view.receipt and theme.large:
            facts: Flow = (
                FactTable(view.receipt.facts, self.words, theme=theme, between=0.6)
                if view.receipt.facts
                else scan_panel(view.receipt, self.words, theme)
            )
            column = [self.title(), *self.leads(), *point_rows(view.points, self.words, theme)]
            return FlowColumn(
                [*column, *self._band(), *self.note(), facts, *self._promise()], theme=theme, gap=theme.sizes.gap
            )
        if view.receipt:
            points = point_rows(view.points, self.words, theme)
            beside = not promise_fits(view.receipt, self.words, theme)
            promise = self._promise() if beside else []
            left = [self.title(), *self.leads(), *promise, *points, self._shown(), *self._band(), *self.note()]
            sheet = slip if view.receipt.facts else scan_panel  # a code alone stands large, over what it is for
            return self.split(left, sheet(view.receipt, self.words, theme), stretch=False)
        if isinstance(view.drawing, CardDrawing):
            return self._card()
        if not view.facts and isinstance(view.drawing, AboutDrawing | None) and len(view.points) <= MOST_POINTS:
            return self._with_family()
        head: list[Flow] = [self.title(), *self.leads()]
        body = self._columns()
        gap = theme.sizes.gap * (1 if theme.large or theme.small_panel else 1.5)
        return FlowColumn([*head, body, *self.note(), *self._band()], theme=theme, gap=gap)

    @property
    def _is_short(self) -> bool:
        """True where the view says so little that a drawing has room beside the facts."""
        view = self.view
        return len(view.points) + len(view.facts) <= MOST_WITH_FACTS and not self.theme.large

    def _with_family(self) -> Flow:
        """Lay out the view's words beside the drawing of its family."""
        view, theme = self.view, self.theme
        points = point_rows(view.points, self.words, theme)
        column = [self.title(), *self.leads(), *points, Spacer(theme=theme), *self.note(), *self._band()]
        return self.split(column, self.drawing(family=family_drawing(view)))

    @property
    def side_is_under_help(self) -> bool:
        """Not where one chooses whether a receipt goes on paper, and the bar holds the three."""
        usual = super().side_is_under_help
        if not usual or self.view.receipt is None or self.theme.large:
            return usual
        return not self.bar_holds(*filter(None, (self.view.way_out, self.view.side, self.view.primary)))

    def _promise(self) -> list[Flow]:
        """Return the text that is signed, beside the sheet."""
        promise = self.view.receipt.promise if self.view.receipt else None
        return [] if promise is None else [Small(theme=self.theme, text=self.words(promise))]

    def _shown(self) -> Flow:
        """Return the drawing below the words, as high as there is room; a spacer where there is none."""
        shown = None if self.theme.small_panel else self.drawing()
        if shown is None:
            return Spacer(theme=self.theme)
        shown.grow = True
        return shown

    def _columns(self) -> Flow:
        view, theme = self.view, self.theme
        points = point_rows(view.points, self.words, theme)
        right = self._right()
        if not points and right and self._is_short and not theme.portrait:
            column = FlowColumn([right, Spacer(theme=theme)], theme=theme, grow=True)
            about = self.drawing(family=family_drawing(view))
            return Beside(
                [column, *([about] if about else [])], theme=theme, gap=theme.sizes.gap * 2.2, top=True, grow=True
            )
        if not points and right and not theme.portrait:
            return FlowColumn([right, Spacer(theme=theme)], theme=theme, grow=True)
        if theme.portrait or theme.large:
            below = [right] if right else []
            if right and not view.facts and theme.portrait and not theme.large:
                right.grow = True  # what is drawn has the room that is left
            return FlowColumn([*points, *below, self.rest()], theme=theme, gap=6, grow=True)
        column = FlowColumn([*points, Spacer(theme=theme)], theme=theme, gap=2 if theme.small_panel else 4, grow=True)
        parts = [column, *([right] if right else [])]
        return Beside(parts, theme=theme, gap=6 if theme.small_panel else 9, top=True, grow=True)

    def _right(self) -> Flow | None:
        view, theme = self.view, self.theme
        if not view.facts:
            return None if isinstance(view.drawing, AboutDrawing) else self.drawing()
        small = theme.small_panel
        facts = FactTable(view.facts, self.words, theme=theme, between=0.3 if small else 1.9)
        wide = 0.0 if not view.points else 58.0 if small else FACTS_MM
        sheet = SheetPanel(
            facts, theme=theme, padding=(3, 1.2) if small else (6, 5), width_mm=wide, drop=2 if theme.large else 0
        )
        if theme.panel.name != "10" or not view.points or not self._is_short:
            return sheet
        above = about_stage(family_drawing(view), theme, wide)
        return FlowBox(FlowColumn([above, sheet], theme=theme, gap=4), theme=theme, width_mm=wide, tall=True)

    def _card(self) -> Flow:
        view, theme = self.view, self.theme
        face = self.drawing()
        facts = FactTable(
            view.facts, self.words, theme=theme, grow=True, between=0.6 if theme.small_panel or theme.large else 1.9
        )
        parts = [part for part in (None if theme.large and view.facts else face, facts if view.facts else None) if part]
        both: Flow
        if theme.portrait:
            both = FlowColumn([FlowRow([part], theme=theme) for part in parts], theme=theme, gap=8)
        else:
            both = Beside(parts, theme=theme, gap=4 if theme.small_panel else 10)
        middle = FlowBox(both, theme=theme, grow=True, centre=True)
        return FlowColumn(
            [self.title(), *self.leads(), middle, *self.note(), *self._band()], theme=theme, gap=theme.sizes.gap
        )

    def _band(self) -> list[Flow]:
        if self.view.warning is None:
            return []
        return [note_panel(Note(self.view.warning, kind="warning"), self.words, self.theme, band=True)]
