"""EnterDigits: digits that are no secret, shown as typed. A scanner gives them at once; Enter gives the answer."""

from kiosk.barcodes import CardNumber, EnvelopeCode, NotKnown, OrderCode, Scanned, envelope_code, order_code
from kiosk.screens.drawings.figure import letter
from kiosk.screens.enter_code import HEAD_MM
from kiosk.screens.entry import Entry
from kiosk.screens.framed import PressButton
from kiosk.screens.keypad import Cells, Keypad, missing, typing_page
from kiosk.screens.layout import Beside, Column, Flow, Row, Spacer
from kiosk.screens.shape import Answer, Key, Shape
from kiosk.screens.text import Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import Words
from kiosk.views import EnterDigits, LetterDrawing


class EnterDigitsShape(Shape):
    """Words and digits to the left, the pad to the right."""

    view: EnterDigits
    head_mm = HEAD_MM

    def __init__(
        self, view: EnterDigits, words: Words, theme: Theme, answer: Answer, entry: Entry | None = None
    ) -> None:
        self.entry = entry or Entry(view.length)
        if theme.small_panel:
            self.head_mm = 4.5
        super().__init__(view, words, theme, answer)

    def build(self) -> Flow:
        theme, view = self.theme, self.view
        self.cells = Cells(self.enough, view.length, theme=theme)
        self.cells.show(len(self.entry), self.entry.shown())
        self.keypad = Keypad(self.press, self.words.frame("keypad.clear"), theme=theme)
        below: list[Flow] = [self.cells]
        self.hint = Small(theme=theme, text=self.words(view.hint) if view.hint else "", tone="muted")
        below.append(self.hint)
        aids: list[Flow] = []
        if isinstance(view.drawing, LetterDrawing) and not theme.large:
            aids = [Row([letter(view.drawing, self.words, theme), Spacer(theme=theme)], theme=theme, drop=4)]
        left: list[Flow] = [self.title(), *self.leads(), *aids, *self.note(), Spacer(theme=theme)]
        left.append(Column(below, theme=theme, gap=2.4))
        if theme.small_panel:
            self.pad = self.keypad
            return Column(left, theme=theme, gap=3.2)
        if theme.portrait:
            pad = Row([Spacer(theme=theme), self.keypad, Spacer(theme=theme)], theme=theme)
            return Column([*(item for item in left if not item.grow), Spacer(theme=theme), pad], theme=theme, gap=6)
        column = Column(left, theme=theme, gap=3.2, grow=True)
        return Beside([column, self.keypad], theme=theme, gap=theme.sizes.gap * 2.2, top=True)

    @property
    def begun(self) -> bool:
        return len(self.entry) > 0

    def ending(self) -> Flow:
        """Cells and pad; the words are on the pages before, the title on both."""
        return typing_page(self.title(), self.cells, self.keypad, self.theme)

    def primary(self) -> Flow | None:
        left = self.enough - len(self.entry)
        if left > 0:
            return self.wait(missing(left, self.words, self.theme.small_panel))
        text = self.words(self.view.submit)
        return PressButton(
            target="submit", act=self._submit, theme=self.theme, kind="primary", text=text, icon="arrow-right"
        )

    def press(self, key: Key) -> None:
        match key:
            case "erase":
                self.entry.erase()
            case "clear":
                self.entry.wipe()
            case "enter":
                self._submit()
                return
            case _:
                self.entry.add(key)
        self.cells.show(len(self.entry), self.entry.shown())
        self.changed()

    def scanned(self, found: Scanned) -> None:
        """A card's number is the answer, by its last digits; of anything else it is said that it is none."""
        match found:
            case CardNumber(number):
                self.entry.wipe()
                for digit in [one for one in number if one.isdigit()][-self.view.length :]:
                    self.entry.add(digit)
                self.press("enter")
                self.cells.show(len(self.entry), self.entry.shown())
                self.changed()
            case EnvelopeCode(number) if self.view.codes:
                self.answer(envelope_code(number))
            case OrderCode(order) if self.view.codes:
                self.answer(order_code(order))
            case EnvelopeCode():
                self._say("scan.envelope")
            case OrderCode():
                self._say("scan.order")
            case NotKnown():
                self._say("scan.unknown")

    def _say(self, key: str) -> None:
        """In the hint's place, until the question is drawn anew."""
        self.hint.text, self.hint.tone = self.words.frame(key), "warning"
        self.arrange()

    @property
    def enough(self) -> int:
        """So many digits can be given."""
        return self.view.length if self.view.at_least is None else self.view.at_least

    def wipe(self) -> None:
        self.entry.wipe()

    def _submit(self) -> None:
        if len(self.entry) >= self.enough:
            digits = "".join(self.entry.shown())
            self.entry.wipe()
            self.answer(digits)
