"""Overlay of the time-out over a question."""

from collections.abc import Callable
from typing import Any

from kiosk.screens.busy import Ring
from kiosk.screens.framed import PressButton
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.shape import Actions, Shape
from kiosk.screens.text import Display, Lead
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

    def build(self) -> Flow:
        theme = self.theme
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

    def actions(self) -> Actions:
        theme, words = self.theme, self.words
        end = PressButton(
            target=END, act=lambda: self.answer(False), theme=theme, text=words.frame("timeout.end"), icon="close"
        )
        more = PressButton(
            target=MORE, act=lambda: self.answer(True), theme=theme, kind="primary", text=words.frame("timeout.more")
        )
        return Actions([end], more)

    def count(self, left: float, whole: float) -> None:
        """So many seconds are left."""
        self.ring.share = left / whole if whole else 0.0
        self.ring.say(str(max(0, round(left))), self.words.frame("frame.seconds"))
