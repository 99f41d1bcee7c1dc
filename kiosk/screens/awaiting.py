"""Screen of `Await`: something is done by hand. The drawing shows where; what is waited for stands in the primary's place."""

from kiosk.screens.layout import Flow, FlowColumn, Spacer
from kiosk.screens.panels import rule
from kiosk.screens.shape import Shape
from kiosk.views import Await, Fact, ReaderDrawing

BESIDE_BADGE_MM = 66.0


class AwaitShape(Shape):
    """What to do to the left, the drawing to the right."""

    view: Await

    def build(self) -> Flow:
        view, theme = self.view, self.theme
        head: Flow = self.head(view.badge, view.badge_icon) if view.badge else self.title()
        rows = [self._fact(fact) for fact in view.facts]
        facts: list[Flow] = [FlowColumn(rows, theme=theme, gap=2)] if rows else []
        left = [head, *self.leads(), *facts, Spacer(theme=theme), *self.note()]
        narrow = BESIDE_BADGE_MM if view.badge and isinstance(view.drawing, ReaderDrawing) else 0
        caption = self.words(view.drawing_text) if view.drawing_text else ""
        return self.split(left, self.drawing(caption, width_mm=narrow), gap=5 if view.badge or facts else None)

    def primary(self) -> Flow | None:
        if self.view.waits_for:
            return self.wait(self.words(self.view.waits_for), "timer-sand")
        return super().primary()

    def _fact(self, fact: Fact) -> Flow:
        text = f"{self.words(fact.label)} [b]{self.words(fact.value)}[/b]"
        return rule(self.theme, text, fact.icon or "information-outline", "primary")
