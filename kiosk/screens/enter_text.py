"""Screen of `EnterText`: a keyboard of few signs below a field that shows what is typed. A scanner may give it at once."""

from kiosk.screens.digit_entry import DigitEntry
from kiosk.screens.entry_shape import EntryShape
from kiosk.screens.keyboard import ROWS, EntryRow, Keyboard, TextField, in_groups
from kiosk.screens.layout import Flow, FlowColumn
from kiosk.screens.shape import Answer
from kiosk.screens.text import Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Button, EnterText, Say, say


class EnterTextShape(EntryShape):
    """Text as it is typed or scanned."""

    view: EnterText

    def __init__(
        self, view: EnterText, words: ScreenTexts, theme: Theme, answer: Answer, entry: DigitEntry | None = None
    ) -> None:
        if entry is None:
            entry = DigitEntry(view.at_most, "".join(ROWS[view.keyboard]))
            for sign in view.text:
                entry.add(sign)
        self.head_mm = 3.0 if theme.small_panel else 6.2
        self.field = TextField(theme=theme)
        self.keyboard = Keyboard(view.keyboard, self.type_sign, theme=theme)
        turn = self.keyboard.turn if theme.small_panel else None
        self.row = EntryRow(self.field, self.press, turn, theme)
        super().__init__(view, words, theme, answer, least=view.at_least, entry=entry)

    @property
    def side_is_under_help(self) -> bool:
        """Not where the bar holds the three: a keyboard is a way in, and the side way another."""
        view = self.view
        if not super().side_is_under_help or view.way_out is None or view.side is None or self.theme.large:
            return super().side_is_under_help
        longest = max((say("keyboard.more", count=view.at_most), view.submit), key=lambda text: len(self.words(text)))
        return not self.bar_holds(view.way_out, view.side, Button("submit", longest, "arrow-right"))

    def build(self) -> Flow:
        self.show_entry()
        above = [self.title()]
        if not self.theme.small_panel:
            above += self.leads()
        return self._column(above, self._hint())

    def _hint(self) -> list[Flow]:
        hint, theme = self.view.hint, self.theme
        if hint is None or theme.large or theme.small_panel:
            return []
        return [Small(theme=theme, text=self.words(hint), tone="muted", drop=2)]

    def _column(self, above: list[Flow], below: list[Flow]) -> FlowColumn:
        gap = 1.0 if self.theme.small_panel else 3.2
        return FlowColumn([*above, self.row, *below, self.keyboard], theme=self.theme, gap=gap)

    def last_page(self) -> Flow:
        """Field and keyboard; the words are on the pages before, the title on both."""
        for part in (self.row, self.keyboard):
            if part.parent is not None:
                part.parent.remove_widget(part)
        return self._column([self.title()], [])

    def type_sign(self, sign: str) -> None:
        """A key of the keyboard."""
        self.entry.add(sign)
        self.show_entry()
        self.changed()

    def show_entry(self) -> None:
        typed = "".join(self.entry.shown())
        self.field.show(in_groups(typed) if self.view.keyboard == "code" else typed)

    def missing(self, left: int) -> Say:
        if self.view.keyboard == "code":
            return say("keyboard.more", count=left)
        return say("keyboard.empty")

    def take_answer(self) -> str:
        text = "".join(self.entry.shown())
        self.wipe()
        return text

    def wipe(self) -> None:
        self.entry.wipe()
        self.field.show("")

    def on_scan(self, text: str) -> None:
        """Take the text of a scanner as the answer, where the view takes scans."""
        if self.view.scans:
            self.wipe()
            self.answer(text)
