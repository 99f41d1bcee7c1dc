"""Text and glyphs by role: looks are in text.kv. `tone` is the name of a colour of the theme."""

from pathlib import Path
from typing import Any

from kivy.lang import Builder
from kivy.properties import NumericProperty, StringProperty
from kivy.uix.label import Label

from kiosk.screens import fonts
from kiosk.screens.layout import Flow

INTER_HEIGHT = 1.21
"""Ascent and descent of Inter in parts of its size; a line is that high by itself."""


class Text(Flow, Label):
    """Body text. Strong parts are SemiBold; a line breaks at spaces alone."""

    tone = StringProperty("ink")
    line = NumericProperty(1.34)
    """Height of a line in parts of the size."""

    def wanted_width(self) -> float:
        self._shape(None)
        return float(self.texture_size[0])

    def height_for(self, width: float) -> float:
        self._shape(round(width))
        return float(self.texture_size[1])

    def place(self, x: float, top: float, width: float, height: float) -> None:
        half_leading = (self.line - INTER_HEIGHT) / 2 * self.font_size
        self._shape(round(width))
        super().place(x, top - half_leading, width, height)

    def _shape(self, width: int | None) -> None:
        if self.text_size != [width, None] or self.texture is None:
            self.text_size = width, None
            self.texture_update()


class Title(Text):
    """The one sentence of a screen."""


class Display(Text):
    """The title where it stands alone."""


class Lead(Text):
    """The text that is read first."""


class Strong(Text):
    """Body, SemiBold."""


class Small(Text):
    """Label text: second lines, notes."""


class Tiny(Text):
    """The strip and the rail."""


class Icon(Text):
    """A glyph by name, `size_mm` high and wide."""

    name = StringProperty("")
    size_mm = NumericProperty(7)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = fonts.glyph(self.name)

    def wanted_width(self) -> float:
        return self.mm(self.size_mm)

    def height_for(self, width: float) -> float:
        return self.mm(self.size_mm)

    def place(self, x: float, top: float, width: float, height: float) -> None:
        self.text_size = None, None
        self.texture_update()
        Flow.place(self, x, top, width, height)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
