"""Factory of screen bodies: which module draws which view."""

from typing import Any

from kiosk.screens.awaiting import AwaitShape
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
from kiosk.screens.listening_panel import ListeningControls
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
    Tell,
    View,
)

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
    """What is typed on it, to be taken over."""
    return shape.entry if isinstance(shape, EntryShape) else None
