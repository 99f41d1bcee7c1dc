"""Help over a question: what helps with that very question, drawn and in two sentences, and who answers. The question stays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kiosk.screens.drawings.figure import stage
from kiosk.screens.framed import SheetPanel
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.panels import rule
from kiosk.screens.receipt import Slip, qr_figure
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Lead, Small, Strong, Title
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import Button, Fact, View
from kiosk.views.help_topics import topic_of

CLOSE = "help:close"
LOW, WHOLE = "reach:low", "reach:whole"
WIDEST_MM = {"10": 70.0, "7": 46.0, "p": 88.0}
"""Of a drawing, so that the number to call has room beside it."""
QR_MM = {"10": 24.0, "7": 0.0, "p": 34.0}
"""No code where it would be too small to scan."""
LONGEST_NUMBER = 16
"""Characters of a telephone number; an office in words is longer."""


@dataclass(frozen=True)
class HelpPage:
    """Contacts, first whoever answers now, and an address with more help, beside what a person may ask about the question on
    show. `side` is its third way; `reach` moves the controls of an upright panel to where one who sits reaches them, or back."""

    contacts: tuple[Fact, ...] = ()
    link: str = ""
    side: Button | None = None
    reach: Button | None = None


class HelpShape(Shape):
    """Help with the question, contacts, and the way back with nothing lost."""

    def __init__(
        self, view: View[Any], words: ScreenTexts, theme: Theme, answer: Callable[[str], None], page: HelpPage
    ) -> None:
        self.page = page
        super().__init__(view, words, theme, answer)

    def build(self) -> Flow:
        theme, words, topic = self.theme, self.words, topic_of(self.view)
        column: list[Flow] = [Title(theme=theme, text=words(topic.title)), Lead(theme=theme, text=words(topic.text))]
        if topic.stays:
            column.append(rule(theme, words(topic.stays), "check-circle-outline", "success", tone="muted", drop=3))
        column += [Spacer(theme=theme), *self._who_answers()]
        shown = stage(topic.drawing, words, theme)
        if isinstance(shown, FlowBox):
            shown.width_mm = min(shown.width_mm, WIDEST_MM[theme.panel.name])
        return self.split(column, shown)

    def _who_answers(self) -> list[Flow]:
        """A panel: the first number large, the others small; they give way where there is no room."""
        theme = self.theme
        if not self.page.contacts:
            return []
        first, *others = self.page.contacts
        value = self.words(first.value)
        number = Title(theme=theme, text=value) if len(value) <= LONGEST_NUMBER else Strong(theme=theme, text=value)
        lines: list[Flow] = [Small(theme=theme, text=self.words(first.label), tone="muted"), number]
        lines += [self._other(fact, at) for at, fact in enumerate(others, 1)]
        side = QR_MM[theme.panel.name]
        if not (self.page.link and side) or theme.large:
            column: Flow = FlowColumn(lines, theme=theme, gap=0.6)
        else:
            lines.append(Small(theme=theme, text=self.words.frame("help.scan"), tone="muted"))
            text = FlowBox(FlowColumn(lines, theme=theme, gap=0.6), theme=theme, grow=True, centre=True)
            code = Slip(qr_figure(self.page.link, side, theme), theme=theme, padding=(1.5, 1.5))
            column = FlowRow([text, code], theme=theme, gap=4)
        return [SheetPanel(column, theme=theme, padding=(3, 2) if theme.small_panel else (5, 3.6))]

    def _other(self, fact: Fact, at: int) -> Flow:
        return Small(theme=self.theme, text=f"{self.words(fact.label)}: [b]{self.words(fact.value)}[/b]", drop=at)

    def actions(self) -> Actions:
        close = Button(CLOSE, topic_of(self.view).close, "arrow-left")
        left = [self.button(button) for button in (self.page.reach, self.page.side) if button]
        return Actions(left, self.button(close, "primary"))

    @property
    def side_is_under_help(self) -> bool:
        return False
