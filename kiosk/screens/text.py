"""Labels and icons by role: looks are in text.kv. `tone` is the name of a colour of the theme.

>>> list(split_text("One. Two three four.", lambda text: len(text) <= 11))
['One. Two', 'three four.']
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from kivy.core.text.markup import MarkupLabel
from kivy.lang import Builder
from kivy.properties import BooleanProperty, NumericProperty, StringProperty
from kivy.uix.label import Label

from kiosk.screens import fonts
from kiosk.screens.layout import Flow
from kiosk.screens.mirroring import MIRRORED_GLYPHS, Mirror
from kiosk.screens.unhinted import core_label, unhint

EXTENTS = 4096
"""Measured texts that are remembered: all of some hundred screens."""


def split_text(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """A text in pieces that fit: after a sentence where that leaves no piece under half, else after a word.

    What is strong stays so in each piece. A word that does not fit alone is a piece of its own."""
    words, strong = text.split(" "), ""
    while words:
        most = bisect_left(range(1, len(words) + 1), True, key=lambda count: not fits(" ".join(words[:count])))
        count = _after_sentence(words, max(1, most))
        piece = strong + " ".join(words[:count])
        strong = "[b]" if piece.count("[b]") > piece.count("[/b]") else ""
        yield piece + strong.replace("[", "[/")
        words = words[count:]


def _after_sentence(words: list[str], most: int) -> int:
    """Return how many words to take, at most `most`, up to the end of a sentence where one is near."""
    if most >= len(words):
        return most
    ends = (at for at in range(most, most // 2, -1) if words[at - 1].removesuffix("[/b]").endswith((".", "?", "!")))
    return next(ends, most)


@lru_cache(EXTENTS)
def extent(text: str, font_name: str, font_size: int, pitch: int, width: int | None) -> tuple[int, int]:
    """Pixels across and lines of a text with its marks, broken at a width, with lines `pitch` pixels high."""
    if not text:
        return 0, 1
    stretched = stretch(font_name, font_size, pitch)
    label = MarkupLabel(
        text=text, font_name=font_name, font_size=font_size, text_size=(width, None), line_height=stretched,
        valign="top", font_hinting=None,
    )  # fmt: skip
    label.resolve_font_name()
    unhint(font_name, font_size, strong="[b]" in text)
    across, along = label.render()
    return across, 1 + round((along - natural_height(font_name, font_size)) / pitch)


def stretch(font_name: str, font_size: int, pitch: int) -> float:
    """The line height, in parts of the font's own, that makes lines `pitch` pixels high."""
    return (pitch + 0.01) / natural_height(font_name, font_size)


@cache
def natural_height(font_name: str, font_size: int) -> int:
    """Pixels of a line as the font has it, in whole ones."""
    return int(core_label("", font_name, font_size).get_extents("Hg")[1])


ROUNDING = 3
"""Pixels that whole pixels may cost on the way from measuring to placing: a line more for their sake would be cut."""
LEAST_SHARE = 0.7
"""How small a text may become for the sake of a long word, in parts of its size."""
_MARKUP = re.compile(r"\[/?b\]")
_HYPHEN = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])")
"""After a hyphen between letters, as in a name; an HSA-id has none."""


@lru_cache(EXTENTS)
def longest_word(text: str, font_name: str, font_size: int) -> int:
    """Pixels of the widest word: no line may be narrower."""
    label = core_label("", font_name, font_size)
    plain = _MARKUP.sub("", text).replace("&bl;", "[").replace("&br;", "]").replace("&amp;", "&")
    words = plain.replace("\n", " ").split(" ")
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
    font_size: float
    tone = StringProperty("ink")
    line = NumericProperty(1.34)
    balanced = BooleanProperty(False)
    """Whether lines are made about as long as each other."""

    def wanted_width(self) -> float:
        return float(self.extent_at(None)[0])

    def height_for(self, width: float) -> float:
        font, size = str(self.font_name), self._held_size(width)
        pitch = round(float(self.line * size))
        text = broken(self._given, font, size, round(width)) if "-" in self._given else self._given
        return float(extent(text, font, size, pitch, round(width))[1] * pitch)

    def place(self, x: float, top: float, width: float, height: float) -> None:
        if (size := self._held_size(width)) != self.font_key[1]:
            self.font_size = size
        wide, word = round(width), longest_word(self._given, *self.font_key[:2])
        if wide < word <= wide + ROUNDING and "-" not in self._given:  # which breaks after its hyphen
            wide = word
        lines = self.extent_at(wide)[1]
        if lines * self.pitch > height + 1:
            wide += ROUNDING
            lines = self.extent_at(wide)[1]
        self._lines = lines
        narrow = self._balance(wide) if self.balanced and lines > 1 else wide
        self._draw(narrow)
        super().place(x, top, narrow if self.balanced and lines > 1 else width, height)
        self._mirror_back()

    def _mirror_back(self) -> None:
        """Stand the right way round in a mirrored layout."""
        if self.theme.rtl and self.keeps_its_way:
            self._mirror = self._mirror or Mirror(self.canvas)
            self._mirror.stand_at(self.center_x)

    keeps_its_way = True
    _mirror: Mirror | None = None

    def _held_size(self, width: float) -> int:
        """The size at which no word is wider than its place: a little smaller rather than broken, and large text never."""
        font, size, _ = self.font_key
        longest = longest_word(self._given, font, size)
        if longest > width + ROUNDING and width > 0 and not self.theme.large:
            return int(size * max(LEAST_SHARE, width / longest))
        return size

    @property
    def pitch(self) -> int:
        return round(float(self.line * self.font_size))

    @property
    def font_key(self) -> tuple[str, int, int]:
        return str(self.font_name), round(float(self.font_size)), self.pitch

    def extent_at(self, width: int | None) -> tuple[int, int]:
        """Pixels across and lines, broken at a width. Nothing is drawn."""
        return extent(self._broken(width), *self.font_key, width)

    def _draw(self, width: int) -> None:
        """Make the texture at once: Kivy would make it again, before the next frame, for each property that changes."""
        text, shown = self._given, self._broken(width)
        drawn = width, shown, *self.font_key, tuple(self.color), self.halign
        if drawn != self._drawn:
            self.text = shown
            self._said, self._shown, self._drawn = text, shown, drawn
            self.line_height = stretch(*self.font_key)
            self.text_size = width, None
            self.texture_update()
            self._trigger_texture.cancel()

    def texture_update(self, *passed: object) -> None:
        """Kivy: draw the text."""
        unhint(*self.font_key[:2], strong="[b]" in str(self.text))
        super().texture_update(*passed)

    @property
    def _given(self) -> str:
        return self._said if self.text == self._shown else str(self.text)

    def _broken(self, width: int | None) -> str:
        """The text as it was given, with the line ends that this width needs."""
        text = self._given
        return broken(text, *self.font_key[:2], width) if width is not None and "-" in text else text

    def is_cut(self) -> bool:
        """Return whether it needs more than its place, once it has one: a line more, or more room for a word."""
        wide = longest_word(str(self.text), *self.font_key[:2]) > self.width + ROUNDING
        return bool(wide or self._lines * self.pitch > self.height + 1)

    def pieces(self, width: float, height: float) -> list[Flow]:
        probe = self._like("")

        def fits(text: str) -> bool:
            probe.text = text
            return probe.height_for(width) <= height + 1

        return [self._like(piece) for piece in split_text(self._given, fits)]

    def _like(self, text: str) -> "Text":
        return type(self)(theme=self.theme, text=text, tone=self.tone, halign=self.halign)

    _said = _shown = ""
    _drawn: tuple[object, ...] = ()
    _lines = 1

    def _balance(self, width: int) -> int:
        """The narrowest of some widths that needs no line more and breaks no word."""
        text = self._broken(width)
        least = longest_word(text, *self.font_key[:2])
        for part in range(11, 20):
            narrow = round(width * part / 20)
            if narrow >= least and extent(text, *self.font_key, narrow)[1] == self._lines:
                return narrow
        return width


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
    pass


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
        self.keeps_its_way = self.name not in MIRRORED_GLYPHS

    def wanted_width(self) -> float:
        return self.mm(self.size_mm)

    def height_for(self, width: float) -> float:
        return self.mm(self.size_mm)

    def place(self, x: float, top: float, width: float, height: float) -> None:
        self.texture_update()
        self._trigger_texture.cancel()
        Flow.place(self, x, top, width, height)
        self._mirror_back()


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
