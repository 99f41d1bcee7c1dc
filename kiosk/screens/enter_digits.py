"""Screen of `EnterDigits`: digits that are no secret, shown as typed. A scanner gives them at once; Enter gives the answer."""

from kiosk.barcodes import CardNumber, EnvelopeCode, OrderCode, ScannedCode, UnknownCode, envelope_code, order_code
from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.digit_pad import DigitPadShape
from kiosk.screens.drawings.figure import letter, number_figure
from kiosk.screens.layout import Flow, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Answer
from kiosk.screens.text import Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import EnterDigits, LetterDrawing, NumberDrawing, Say, say

NUMBER_MM = {"10": 42.0, "p": 76.0}
"""How wide the card or document is drawn."""


class EnterDigitsShape(DigitPadShape):
    """Digits as they are typed or scanned."""

    view: EnterDigits

    def __init__(
        self, view: EnterDigits, words: ScreenTexts, theme: Theme, answer: Answer, entry: DigitEntry | None = None
    ) -> None:
        least = view.length if view.at_least is None else view.at_least
        super().__init__(view, words, theme, answer, least=least, most=view.length, entry=entry)

    def build(self) -> Flow:
        theme, view = self.theme, self.view
        self.show_entry()
        self.hint = Small(theme=theme, text=self.words(view.hint) if view.hint else "", tone="muted")
        left: list[Flow] = [self.title(), *self.leads(), *self._aids(), *self.note(), Spacer(theme=theme)]
        left.append(FlowColumn([self.cells, self.hint], theme=theme, gap=2.4))
        return self.with_pad(left, 6 if theme.portrait and not theme.small_panel else 3.2)

    def _aids(self) -> list[Flow]:
        """Return a drawing of where the digits stand; nothing where it has no room."""
        drawing, theme = self.view.drawing, self.theme
        if isinstance(drawing, LetterDrawing) and not theme.large:
            shown: Flow = letter(drawing, self.words, theme)
        elif isinstance(drawing, NumberDrawing) and not (theme.large or theme.small_panel):
            shown = number_figure(drawing, theme, width_mm=NUMBER_MM[theme.panel.name])
        else:
            return []
        return [FlowRow([shown, Spacer(theme=theme)], theme=theme, drop=4)]

    def show_entry(self) -> None:
        self.cells.show(len(self.entry), self.entry.shown())

    def take_answer(self) -> str:
        digits = "".join(self.entry.shown())
        self.entry.wipe()
        return digits

    def wipe(self) -> None:
        self.entry.wipe()

    def on_scan(self, scan: ScannedCode) -> Say | None:
        """A card's number is the answer, by its last digits, as is a code of as many hexadecimal ones; of anything else it is
        said that it is none, in the text that this gives."""
        match scan:
            case CardNumber(number):
                digits = [char for char in number if self.view.takes(char)]
                if self.view.hexadecimal and len(digits) != self.view.length:
                    return self._say("scan.unknown")
                self.entry.wipe()
                for digit in digits[-self.view.length :]:
                    self.entry.add(digit)
                self.submit()
                self.show_entry()
                self.changed()
            case EnvelopeCode(number) if self.view.codes:
                self.answer(envelope_code(number))
            case OrderCode(order) if self.view.codes:
                self.answer(order_code(order))
            case EnvelopeCode():
                return self._say("scan.envelope")
            case OrderCode():
                return self._say("scan.order")
            case UnknownCode():
                return self._say("scan.unknown")
        return None

    def _say(self, key: str) -> Say:
        """In the hint's place, until the question is drawn anew."""
        self.hint.text, self.hint.tone = self.words.frame(key), "warning"
        self.arrange()
        return say(key)
