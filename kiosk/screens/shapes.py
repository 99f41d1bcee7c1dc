"""Factory of screen bodies: which module draws which view."""

from typing import Any

from kiosk.screens.board import BoardShape
from kiosk.screens.busy import BusyShape
from kiosk.screens.checklist import ChecklistShape
from kiosk.screens.choose import ChooseShape
from kiosk.screens.closed import ClosedShape
from kiosk.screens.confirm import ConfirmShape
from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.enter_code import EnterCodeShape
from kiosk.screens.enter_digits import EnterDigitsShape
from kiosk.screens.enter_text import EnterTextShape
from kiosk.screens.entry_shape import EntryShape
from kiosk.screens.layout import Flow, FlowColumn, Spacer
from kiosk.screens.listening_panel import ListeningControls
from kiosk.screens.panels import rule
from kiosk.screens.shape import Answer, Shape
from kiosk.screens.tell import TellShape
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import (
    Await,
    Board,
    Busy,
    Checklist,
    Choose,
    ClosedHome,
    Confirm,
    EnterCode,
    EnterDigits,
    EnterText,
    Fact,
    ReaderDrawing,
    Tell,
    View,
)

BESIDE_BADGE_MM = 66.0


class AwaitShape(Shape):
    """Instruction to the left, drawing to the right."""

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


_SHAPES: dict[type[View[Any]], type[Shape]] = {
    Checklist: ChecklistShape,
    ClosedHome: ClosedShape,
    Await: AwaitShape,
    Confirm: ConfirmShape,
    Tell: TellShape,
    Board: BoardShape,
    Busy: BusyShape,
}


def shape_of(
    view: View[Any],
    words: ScreenTexts,
    theme: Theme,
    answer: Answer,
    entry: DigitEntry | None = None,
    listening: ListeningControls | None = None,
) -> Shape:
    """The widgets for a view. `entry` holds what was typed before the screen was built anew; `listening` is set while somebody
    listens."""
    match view:
        case EnterCode():
            return EnterCodeShape(view, words, theme, answer, entry)
        case EnterDigits():
            return EnterDigitsShape(view, words, theme, answer, entry)
        case EnterText():
            return EnterTextShape(view, words, theme, answer, entry)
        case Choose() if type(view) is Choose:
            return ChooseShape(view, words, theme, answer, listening)
        case _:
            if (shape := _SHAPES.get(type(view))) is None:
                raise TypeError(f"no screen for {type(view).__name__}")
            return shape(view, words, theme, answer)


def entry_of(shape: Shape) -> DigitEntry | None:
    """Return the entry of a shape on which something is typed, to be taken over; None for other shapes."""
    return shape.entry if isinstance(shape, EntryShape) else None
