"""Base of the screens on which something is typed: what is typed so far, and the way on once it is an answer.

What is typed is in a `DigitEntry`, which a screen that is built anew (another language, larger text) takes over from the one
before.
"""

from typing import Any

from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.framed import PressButton
from kiosk.screens.keypad import PadName
from kiosk.screens.layout import Flow
from kiosk.screens.shape import Answer, Shape
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import EnterCode, EnterDigits, EnterText


class EntryShape(Shape):
    """One question whose answer is typed: `least` signs are an answer."""

    view: Any

    def __init__(
        self,
        view: EnterCode | EnterDigits | EnterText,
        words: ScreenTexts,
        theme: Theme,
        answer: Answer,
        *,
        least: int,
        entry: DigitEntry,
    ) -> None:
        self.least, self.entry = least, entry
        super().__init__(view, words, theme, answer)

    @property
    def has_input(self) -> bool:
        return len(self.entry) > 0

    def primary(self) -> Flow | None:
        """How much is missing, why this is no answer, or the way on."""
        left = self.least - len(self.entry)
        if left > 0:
            return self.wait(self.missing(left))
        objection = self.objection()
        if objection is not None:
            return self.wait(self.words.frame(objection))
        text = self.words(self.view.submit)
        return PressButton(
            target="submit", act=self.submit, theme=self.theme, kind="primary", text=text, icon="arrow-right"
        )

    def press(self, key: PadName) -> None:
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
        """Give the answer, where what is typed is one."""
        if len(self.entry) >= self.least and self.objection() is None:
            self.answer(self.take_answer())

    def objection(self) -> str | None:
        """The text that says why enough signs are no answer yet."""
        return None

    def missing(self, left: int) -> str:
        """That so many signs are missing, in words."""
        raise NotImplementedError

    def show_entry(self) -> None:
        """Draw what is typed so far."""
        raise NotImplementedError

    def take_answer(self) -> Any:
        """The answer, which leaves nothing typed behind."""
        raise NotImplementedError
