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
from kiosk.views import EnterCode, EnterDigits, EnterText, Say


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
        """Return the button that leads on, or what says how much is missing or why this is no answer."""
        if why := self.why_no_answer():
            return self.wait(self.words(why[0]))
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
        if not self.why_no_answer():
            self.answer(self.take_answer())

    def why_no_answer(self) -> tuple[Say, ...]:
        """Why what is typed is no answer yet: what the screen says in the way on's place, then what else is said."""
        left = self.least - len(self.entry)
        return (self.missing(left),) if left > 0 else self.objections()

    def objections(self) -> tuple[Say, ...]:
        """Why enough signs are no answer yet."""
        return ()

    def missing(self, left: int) -> Say:
        """Return the text that says how many signs are missing."""
        raise NotImplementedError

    def show_entry(self) -> None:
        """Draw what is typed so far."""
        raise NotImplementedError

    def take_answer(self) -> Any:
        """The answer, which leaves nothing typed behind."""
        raise NotImplementedError
