"""Base of the screens on which digits are typed: words and cells to the left, and the pad where the panel has room for it.

The digits are in a `DigitEntry`, which a screen that is built anew (another language, larger text) takes over from the one
before.
"""

from typing import Any

from drivers.keypad.grabbed_keypad import Key
from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.framed import PressButton
from kiosk.screens.keypad import Cells, Keypad, missing, typing_page
from kiosk.screens.layout import Beside, Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Answer, Shape
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import EnterCode, EnterDigits


class DigitPadShape(Shape):
    """Cells and pad of one question. `least` digits are an answer, `most` have room."""

    view: Any
    head_mm = 6.2
    """From the strip to the pad, on every screen that has one."""

    def __init__(
        self,
        view: EnterCode | EnterDigits,
        words: ScreenTexts,
        theme: Theme,
        answer: Answer,
        *,
        least: int,
        most: int,
        entry: DigitEntry | None = None,
    ) -> None:
        self.least = least
        self.entry = entry or DigitEntry(most)
        self.cells = Cells(least, most, theme=theme)
        self.keypad = Keypad(self.press, words.frame("keypad.clear"), theme=theme)
        if theme.small_panel:
            self.head_mm = 4.5
        super().__init__(view, words, theme, answer)

    def with_pad(self, left: list[Flow], gap: float) -> Flow:
        """What is said, with the pad where this panel has it."""
        theme = self.theme
        if theme.small_panel:
            self.pad = self.keypad
            return FlowColumn(left, theme=theme, gap=gap)
        if theme.portrait:
            pad = FlowRow([Spacer(theme=theme), self.keypad, Spacer(theme=theme)], theme=theme)
            return FlowColumn(
                [*(item for item in left if not item.grow), Spacer(theme=theme), pad], theme=theme, gap=gap
            )
        column = FlowColumn(left, theme=theme, gap=gap, grow=True)
        return Beside([column, self.keypad], theme=theme, gap=theme.sizes.gap * 2.2, top=True)

    @property
    def has_input(self) -> bool:
        return len(self.entry) > 0

    def last_page(self) -> Flow:
        """Cells and pad; the words are on the pages before, the title on both."""
        return typing_page(self.title(), self.cells, self.keypad, self.theme)

    def primary(self) -> Flow | None:
        """How many digits are missing, why these are no answer, or the way on."""
        left = self.least - len(self.entry)
        if left > 0:
            return self.wait(missing(left, self.words, self.theme.small_panel))
        objection = self.objection()
        if objection is not None:
            return self.wait(self.words.frame(objection))
        text = self.words(self.view.submit)
        return PressButton(
            target="submit", act=self.submit, theme=self.theme, kind="primary", text=text, icon="arrow-right"
        )

    def press(self, key: Key) -> None:
        """A key of the pad or of a keyboard."""
        match key:
            case "erase":
                self.entry.erase()
            case "clear":
                self.entry.wipe()
            case "enter":
                self.submit()
                return
            case _:
                self.entry.add(key)
        self.show_entry()
        self.changed()

    def submit(self) -> None:
        """Give the answer, where the digits are one."""
        if len(self.entry) >= self.least and self.objection() is None:
            self.answer(self.take_answer())

    def objection(self) -> str | None:
        """The text that says why enough digits are no answer yet."""
        return None

    def show_entry(self) -> None:
        """Draw what is typed so far."""
        raise NotImplementedError

    def take_answer(self) -> Any:
        """The answer, which leaves nothing typed behind."""
        raise NotImplementedError
