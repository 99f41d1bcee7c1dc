"""Overlay of the time-out over a question."""

from collections.abc import Callable
from typing import Any

from kiosk.screens.busy import Ring
from kiosk.screens.framed import PressButton
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Display, Lead, Title
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts
from kiosk.views import View

MORE, END = "timeout:more", "timeout:end"


class TimeoutShape(Shape):
    """Is anybody there? The ring empties; the question under it stays as it was."""

    def __init__(
        self, view: View[Any], words: ScreenTexts, theme: Theme, answer: Callable[[bool], None], card_in: bool
    ) -> None:
        self.card_in = card_in
        super().__init__(view, words, theme, answer)

    turns = False
    """It runs out while somebody would turn pages: large text says less, on one."""

    def build(self) -> Flow:
        theme = self.theme
        if theme.large:
            return self._in_large_text()
        across = {"10": 66.0, "7": 34.0, "p": 66.0}[theme.panel.name]
        thick = across * 5 / 66
        self.ring = Ring(across, thick, across * 20 / 66, theme=theme, ink="primary", ground="line")
        lines: list[Flow] = [
            Display(theme=theme, text=self.words.frame("timeout.title")),
            Lead(theme=theme, text=self.words.frame("timeout.text")),
        ]
        if self.card_in:
            lines.append(Lead(theme=theme, text=self.words.frame("timeout.card")))
        text = FlowColumn(lines, theme=theme, gap=5 if not theme.small_panel else 3)
        if theme.portrait:
            ring = FlowColumn([self.ring], theme=theme, centred=True)
            return FlowColumn([Spacer(theme=theme), ring, text, Spacer(theme=theme)], theme=theme, gap=14)
        row = FlowRow(
            [self.ring, FlowBox(text, theme=theme, grow=True, centre=True)],
            theme=theme,
            gap=14 if not theme.small_panel else 6,
        )
        return FlowBox(row, theme=theme, padding=(6 if not theme.small_panel else 0, 0))

    def _in_large_text(self) -> Flow:
        """Title and what follows; the ring stands beside the title, as small as it can be read."""
        theme, words = self.theme, self.words
        across = {"10": 32.0, "7": 21.0, "p": 44.0}[theme.panel.name]
        self.ring = Ring(across, across / 12, across * 0.36, theme=theme, ink="primary", ground="line")
        title = FlowBox(Title(theme=theme, text=words.frame("timeout.title")), theme=theme, grow=True, centre=True)
        lines: list[Flow] = [
            FlowRow([self.ring, title], theme=theme, gap=4),
            Lead(theme=theme, text=words.frame("timeout.short")),
        ]
        if self.card_in:
            lines.append(Lead(theme=theme, text=words.frame("timeout.card")))
        return FlowColumn([*lines, Spacer(theme=theme)], theme=theme, gap=2 if theme.small_panel else 6)

    def actions(self) -> Actions:
        theme, words = self.theme, self.words
        tight = theme.large and theme.small_panel
        end = words.frame("timeout.end.short" if tight else "timeout.end")
        more = words.frame("timeout.more.short" if tight else "timeout.more")
        return Actions(
            [PressButton(target=END, act=lambda: self.answer(False), theme=theme, text=end, icon="close")],
            PressButton(target=MORE, act=lambda: self.answer(True), theme=theme, kind="primary", text=more),
        )

    def count(self, left: float, whole: float) -> None:
        """So many seconds are left."""
        self.ring.share = left / whole if whole else 0.0
        self.ring.say(str(max(0, round(left))), "" if self.theme.large else self.words.frame("frame.seconds"))
