"""Confirm: what will happen, in points, with the facts beside it; a band of warning; or a receipt to read and sign."""

from kiosk.screens.framed import Panel
from kiosk.screens.layout import Box, Column, Flow, Row, Spacer
from kiosk.screens.panels import Facts, NotePanel, point_rows
from kiosk.screens.receipt import slip
from kiosk.screens.shape import Shape
from kiosk.views import CardDrawing, Confirm, Note

FACTS_MM = 74.0


class ConfirmShape(Shape):
    """Points and facts, a card's face and facts, or the receipt."""

    view: Confirm

    def build(self) -> Flow:
        view, theme = self.view, self.theme
        if view.receipt:
            points = point_rows(view.points, self.words, theme)
            left = [self.title(), *self.leads(), *points, Spacer(theme=theme), *self._band(), *self.note()]
            return self.split(left, slip(view.receipt, self.words, theme))
        if isinstance(view.drawing, CardDrawing):
            return self._card()
        head: list[Flow] = [self.title(), *self.leads()]
        body = self._columns()
        gap = theme.sizes.gap * (1 if theme.large or theme.small_panel else 1.5)
        return Column([*head, body, *self.note(), *self._band()], theme=theme, gap=gap)

    def _columns(self) -> Flow:
        view, theme = self.view, self.theme
        points = point_rows(view.points, self.words, theme)
        column = Column([*points, Spacer(theme=theme)], theme=theme, gap=4 if not theme.small_panel else 2, grow=True)
        right: list[Flow] = []
        if view.facts:
            facts = Facts(view.facts, self.words, theme=theme)
            if not points:
                return Column([Panel(facts, theme=theme, padding=(6, 5)), Spacer(theme=theme)], theme=theme, grow=True)
            wide = 50.0 if theme.small_panel else FACTS_MM
            right = [Panel(facts, theme=theme, padding=(4, 2) if theme.small_panel else (6, 5), width_mm=wide)]
        elif view.drawing:
            right = [part for part in [self.drawing()] if part]
        if theme.portrait:
            return Column([*points, *right, Spacer(theme=theme)], theme=theme, gap=6, grow=True)
        return Row([column, *right], theme=theme, gap=6 if theme.small_panel else 9, top=True, grow=True)

    def _card(self) -> Flow:
        view, theme = self.view, self.theme
        face = self.drawing()
        facts = Facts(view.facts, self.words, theme=theme, grow=True)
        parts = [part for part in (face, facts if view.facts else None) if part]
        both: Flow
        if theme.portrait:
            both = Column([Row([part], theme=theme) for part in parts], theme=theme, gap=8)
        else:
            both = Row(parts, theme=theme, gap=4 if theme.small_panel else 10)
        middle = Box(both, theme=theme, grow=True, centre=True)
        return Column(
            [self.title(), *self.leads(), middle, *self.note(), *self._band()], theme=theme, gap=theme.sizes.gap
        )

    def _band(self) -> list[Flow]:
        if self.view.warning is None:
            return []
        return [NotePanel(Note(self.view.warning, kind="warning"), self.words, self.theme, band=True)]
