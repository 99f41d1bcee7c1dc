"""Text and glyphs by role: looks are in text.kv. `tone` is the name of a colour of the theme."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from kivy.core.text import Label as CoreLabel
from kivy.lang import Builder
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.label import Label

from kiosk.screens import fonts
from kiosk.screens.layout import Flow


@cache
def natural_height(font_name: str, font_size: int) -> int:
    """Pixels of a line as the font has it, in whole ones."""
    label = CoreLabel(font_name=font_name, font_size=font_size)
    return int(label.get_extents("Hg")[1])


ROUNDING = 3
"""Pixels that whole pixels may cost on the way from measuring to placing: a line more for their sake would be cut."""
_MARKUP = re.compile(r"\[/?b\]")
_HYPHEN = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])")
"""After a hyphen between letters, as in a name; an HSA-id has none."""


def longest_word(text: str, font_name: str, font_size: int) -> int:
    """Pixels of the widest word: no line may be narrower."""
    label = CoreLabel(font_name=font_name, font_size=font_size)
    words = _MARKUP.sub("", text).replace("\n", " ").split(" ")
    return max((int(label.get_extents(word)[0]) for word in words), default=0)


def broken(text: str, font_name: str, font_size: int, width: float) -> str:
    """The text, with a line's end after the hyphens of words that are wider than `width` pixels."""

    def fits(word: str) -> bool:
        return longest_word(word, font_name, font_size) <= width

    return " ".join(word if fits(word) else _HYPHEN.sub("\n", word) for word in text.split(" "))


class Text(Flow, Label):
    """Body text. Strong parts are SemiBold; a line breaks at spaces, and in a long double name after its hyphen.

    A line is `line` times the size high, as in the design, with the letters in the middle of it."""

    text: str
    tone = StringProperty("ink")
    line = NumericProperty(1.34)
    balanced = BooleanProperty(False)
    """Whether lines are made about as long as each other."""

    def wanted_width(self) -> float:
        self._shape(None)
        return float(self.texture_size[0])

    def height_for(self, width: float) -> float:
        lines = self._shape(round(width))
        return float(lines * self._pitch)

    def place(self, x: float, top: float, width: float, height: float) -> None:
        if self._shape(round(width)) * self._pitch > height + 1:
            self._shape(round(width) + ROUNDING)
        narrow: float = self.texture_size[0] if self.balanced and self._lines > 1 else width
        super().place(x, top, narrow, height)

    @property
    def _pitch(self) -> int:
        return round(float(self.line * self.font_size))

    def _shape(self, width: int | None) -> int:
        """Break the text at a width; returns the number of lines."""
        natural = natural_height(self.font_name, round(self.font_size))
        asked = width, str(self.text), round(float(self.font_size))
        if self._shaped != asked:
            self.text = self._broken(width)
            self._shaped = width, str(self.text), round(float(self.font_size))
            self.line_height = (self._pitch + 0.01) / natural
            self.text_size = width, None
            self.texture_update()
            self._lines = self._count(natural)
            if self.balanced and width and self._lines > 1:
                self._balance(width, natural)
        return self._lines

    def _broken(self, width: int | None) -> str:
        """The text as it was given, with the line ends that this width needs."""
        said = self._said if self.text == self._shown else str(self.text)
        self._said = self._shown = said
        if width is not None and "-" in said:
            self._shown = broken(said, self.font_name, round(self.font_size), width)
        return self._shown

    _said = _shown = ""
    _shaped: tuple[int | None, str, int] = (-1, "", 0)
    _lines = 1

    def _count(self, natural: int) -> int:
        """Lines in the texture: the first is as high as the font has it, the others as the design has them."""
        return 1 + round(float(self.texture_size[1] - natural) / self._pitch)

    def _balance(self, width: int, natural: int) -> None:
        """The narrowest of some widths that needs no line more and breaks no word."""
        least = longest_word(str(self.text), self.font_name, round(self.font_size))
        for part in range(11, 20):
            if width * part / 20 < least:
                continue
            self.text_size = round(width * part / 20), None
            self.texture_update()
            if self._count(natural) == self._lines:
                return
        self.text_size = width, None
        self.texture_update()


class Title(Text):
    """The one sentence of a screen."""


class Display(Text):
    """The title where it stands alone."""


class Lead(Text):
    """The text that is read first; as small as body text where it must be."""

    dense = BooleanProperty(False)

    def squeeze(self) -> None:
        self.dense = True


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
        self.texture_update()
        Flow.place(self, x, top, width, height)


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
