"""Panel of whoever listens, in the place of the home screen's invitation: volume and speed in five steps each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kivy.lang import Builder

from drivers.speech.port import STEPS, Manner
from kiosk.screens.background import Framed
from kiosk.screens.drawings.figure import Figure
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import DrawingStage, Touchable
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.text import Icon, Lead, Small, Tiny
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts

QUIETER, LOUDER, SLOWER, FASTER = "listen:quieter", "listen:louder", "listen:slower", "listen:faster"
KEYPAD_MM = (158.0, 104.0)


@dataclass(frozen=True)
class ListeningControls:
    """Manner of speech now, and what the panel's buttons do. `by_keys`: the person uses a keypad."""

    manner: Manner
    turn: Callable[[str], None]
    by_keys: bool


class ListeningTitle(Lead):
    """The panel's headline."""


class StepButton(Touchable, Framed):
    """A step less, or one more."""

    def __init__(self, sign: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        colour = self.theme.colours.on_rail
        self.sign = Figure(lambda pen: _sign(pen, sign, colour), (10, 10), theme=self.theme)
        self.add_widget(self.sign)

    def wanted_width(self) -> float:
        return self.mm(16 if self.theme.portrait else 12)

    def height_for(self, width: float) -> float:
        return self.wanted_width()

    def arrange(self) -> None:
        side = self.mm(5)
        self.sign.place(self.center_x - side / 2, self.center_y + side / 2, side, side)


def _sign(pen: Pen, sign: str, colour: Any) -> None:
    pen.line(1, 5, 9, 5, colour, 1.2)
    if sign == "+":
        pen.line(5, 1, 5, 9, colour, 1.2)


class Meter(Flow):
    """Five bars, as many of them full as there are steps."""

    def __init__(self, step: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step

    def height_for(self, width: float) -> float:
        return self.mm(7)

    def arrange(self) -> None:
        self.canvas.clear()
        colours, pen = self.theme.colours, Pen(self.canvas, self.x, self.top, self.mm(1))
        wide, high = self.width / self.mm(1), self.height / self.mm(1)
        gap = 0.8
        bar = min(3.0, (wide - gap * (STEPS - 1)) / STEPS)
        left = (wide - STEPS * bar - gap * (STEPS - 1)) / 2
        for at in range(STEPS):
            fill = colours.on_rail if at < self.step else colours.rail_part
            pen.rect(left + at * (bar + gap), 0, bar, high, 0.5, fill, colours.rail_edge, 0.25)


def listening_panel(controls: ListeningControls, words: ScreenTexts, theme: Theme) -> DrawingStage:
    """As large as the invitation that it stands for."""
    manner, turn = controls.manner, controls.turn
    volume = words.frame("listen.volume", step=manner.volume, of=STEPS)
    rate = words.frame(f"listen.rate.{manner.rate}")
    blocks: list[Flow] = [
        _block(volume, manner.volume, (QUIETER, LOUDER), turn, theme),
        _block(rate, manner.rate, (SLOWER, FASTER), turn, theme),
    ]
    title = ListeningTitle(theme=theme, text=words.frame("listen.panel"))
    if theme.small_panel:
        title.drop = 1
        inside = FlowColumn([title, *blocks, Spacer(theme=theme)], theme=theme, gap=2)
        return DrawingStage(inside, theme=theme, padding=(1.5, 2), width_mm=28, tall=True)
    head = FlowRow([Icon(theme=theme, name="headphones", size_mm=6.4, tone="on_rail"), title], theme=theme, gap=2.4)
    last = _last(controls, words, theme)
    if theme.portrait:
        left = FlowColumn([head, last], theme=theme, gap=6, grow=True)
        inside_row = FlowRow([left, FlowColumn(blocks, theme=theme, gap=8, grow=True)], theme=theme, gap=12)
        return DrawingStage(FlowBox(inside_row, theme=theme, centre=True), theme=theme, padding=(10, 8))
    column = FlowColumn([head, *blocks, last], theme=theme, gap=4)
    return DrawingStage(column, theme=theme, padding=(4, 4), width_mm=47, tall=True)


def _block(text: str, step: int, targets: tuple[str, str], turn: Callable[[str], None], theme: Theme) -> FlowColumn:
    less, more = (
        StepButton(sign, theme=theme, target=target, act=lambda target=target: turn(target))
        for sign, target in zip("-+", targets, strict=True)
    )
    parts: list[Flow] = [less, Spacer(theme=theme), more]
    if not theme.small_panel:
        parts[1] = Meter(step, theme=theme, grow=True)
    role, between, gap = (Tiny, 0.4, 0.8) if theme.small_panel else (Small, 1.4, 1.6)
    label = role(theme=theme, text=text, tone="on_rail", line=1.15)
    return FlowColumn([label, FlowRow(parts, theme=theme, gap=between)], theme=theme, gap=gap)


def _last(controls: ListeningControls, words: ScreenTexts, theme: Theme) -> Flow:
    """Return a hint of what the button Listen does; for a person who uses a keypad, a drawing of the keys."""
    if not controls.by_keys:
        return Small(theme=theme, text=words.frame("listen.hint"), tone="on_rail", line=1.2, drop=1)
    return Figure(lambda pen: keypad(pen, theme), KEYPAD_MM, theme=theme)


def keypad(pen: Pen, theme: Theme) -> None:
    """A keypad with its round mark lit: the key that chooses. A dot marks the 5."""
    colours = theme.colours
    pen.rect(0, 0, 158, 104, 8, stroke=colours.rail_edge, thick=1.6)
    for at in range(10):
        row, column = divmod(at, 3) if at < 9 else (3, 1)
        pen.rect(13 + 29 * column, 12 + 21.5 * row, 25, 17, 3, colours.rail_part, colours.rail_edge, 1.2)
    pen.disc(13 + 29 + 12.5, 12 + 21.5 + 8.5, 1.8, colours.on_rail)
    pen.rect(105, 12, 39, 27, 4, colours.rail_part, colours.rail_edge, 1.2)
    for x1, x2 in ((120, 129), (129, 120)):
        pen.line(x1, 21, x2, 30, colours.on_rail, 2)
    pen.rect(105, 49, 40, 42, 4, colours.rail_part, colours.lamp, 2.4)
    pen.arc(125, 70, 10, colours.lamp, 3)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
