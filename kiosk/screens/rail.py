"""Navigation rail: language, larger text, contrast, listen, help. Always there, in the same order and place.

The language button has the other language's name. With larger text the rail shows glyphs alone; Help names them. Listen
stays in its place where nothing speaks: quiet, still readable, and no target.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import StringProperty

from kiosk.screens.background import Flat, Framed
from kiosk.screens.drawings import closeups
from kiosk.screens.drawings.figure import Figure
from kiosk.screens.framed import Touchable
from kiosk.screens.layout import Flow, FlowColumn
from kiosk.screens.text import Icon, Tiny
from kiosk.screens.words import ScreenTexts

RAIL = (
    ("language", "translate"),
    ("larger", "format-size"),
    ("contrast", "contrast-circle"),
    ("listen", "headphones"),
    ("help", "help-circle-outline"),
)


class RailButton(Touchable, Framed):
    """A button of the rail; `on` is set while what it turns on is on."""

    on = StringProperty("no")

    def __init__(self, text: str, icon: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        theme, tone = self.theme, "rail" if self.on == "yes" else "on_rail"
        parts: list[Flow] = [RailIcon(theme=theme, name=icon, size_mm=theme.sizes.rail_icon, tone=tone)]
        if not theme.large:
            parts.append(RailText(theme=theme, text=text, tone=tone))
        self.content = FlowColumn(parts, theme=theme, gap=1)
        self.add_widget(self.content)

    def wanted_width(self) -> float:
        return self.mm(15)

    def height_for(self, width: float) -> float:
        return self.mm(self.theme.sizes.rail_button)

    def arrange(self) -> None:
        height = self.content.height_for(self.width)
        self.content.place(self.x, self.center_y + height / 2, self.width, height)


class RailIcon(Icon):
    """A glyph of the rail."""


class RailText(Tiny):
    """The word under a glyph of the rail."""


class Rail(Flat):
    """Language, larger text, contrast, listen, help."""

    def __init__(
        self,
        words: ScreenTexts,
        other: ScreenTexts,
        on: frozenset[str],
        act: Callable[[str], None],
        *,
        hears: bool = True,
        **kwargs: Any,
    ) -> None:
        """`other` is the language that the language button leads to."""
        super().__init__(**kwargs)
        theme = self.theme
        texts = {name: words.frame(f"frame.{name}") for name, _ in RAIL}
        texts["language"] = other.frame("frame.language")
        self.buttons = [
            RailButton(
                target=f"rail:{name}",
                act=lambda name=name: act(name),
                theme=theme,
                text=texts[name],
                icon=icon,
                on="yes" if name in on else "no",
                disabled=name == "listen" and not hears,
            )
            for name, icon in RAIL
        ]
        self.mark = Figure(lambda pen: closeups.mark(pen, theme.colours), (22, 22), theme=theme)
        for button in self.buttons:
            self.add_widget(button)
        self.edge_line = Flat(theme=theme, fill=theme.colours.line if theme.contrast else theme.colours.rail)
        self.add_widget(self.edge_line)
        if theme.panel.name == "10" and not theme.large:
            self.add_widget(self.mark)

    def arrange(self) -> None:
        edge = self.theme.border(0.4)
        if self.theme.portrait:
            self._across()
            self.edge_line.place(self.x, self.top, self.width, edge)
        else:
            self._down()
            self.edge_line.place(self.right - edge, self.top, edge, self.height)
        side = self.mm(11)
        self.mark.place(self.center_x - side / 2, self.top - self.mm(4), side, side)

    def _down(self) -> None:
        sizes = self.theme.sizes
        side, gap = (1.0, 3.0) if self.theme.small_panel else (1.5, 3.0)
        height = self.mm(sizes.rail_button)
        total = len(self.buttons) * height + (len(self.buttons) - 1) * self.mm(gap)
        bottom = (self.height - total) / 2 if self.theme.small_panel else self.mm(3)
        y = self.y + bottom + total
        for button in self.buttons:
            button.place(self.x + self.mm(side), y, self.width - 2 * self.mm(side), height)
            y -= height + self.mm(gap)

    def _across(self) -> None:
        gap, pad = self.mm(3), self.mm(6)
        width = (self.width - 2 * pad - gap * (len(self.buttons) - 1)) / len(self.buttons)
        for place, button in enumerate(self.buttons):
            button.place(self.x + pad + place * (width + gap), self.top - self.mm(2), width, self.mm(20))


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
