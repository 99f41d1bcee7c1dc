"""Base of the screens on which digits are typed: words and cells to the left, and the pad where the panel has room for it."""

from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.entry_shape import EntryShape
from kiosk.screens.keypad import Cells, Keypad, missing, typing_page
from kiosk.screens.layout import Beside, Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Answer
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import DIGITS, EnterCode, EnterDigits, Say


class DigitPadShape(EntryShape):
    """Cells and pad of one question. `least` digits are an answer, `most` have room."""

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
        self.cells = Cells(least, most, theme=theme)
        digits = view.alphabet if isinstance(view, EnterDigits) else DIGITS
        self.has_letters = len(digits) > len(DIGITS)
        self.keypad = Keypad(self.press, words.frame("keypad.clear"), hexadecimal=self.has_letters, theme=theme)
        if theme.small_panel:
            self.head_mm = 4.5
        super().__init__(view, words, theme, answer, least=least, entry=entry or DigitEntry(most, digits))

    def with_pad(self, left: list[Flow], gap: float) -> Flow:
        """Return the words with the pad where this panel has it."""
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

    def last_page(self) -> Flow:
        """Cells and pad; the words are on the pages before, the title on both."""
        return typing_page(self.title(), self.cells, self.keypad, self.theme)

    def missing(self, left: int) -> Say:
        return missing(left, self.theme.small_panel or self.has_letters)
