"""Caption of speech: the sentence of the moment in bold, and those around it, in two lines at most.

It stands at the left of the action bar where that is free, else in the strip's place. With larger text there is none: the
screen is its own caption.
"""

from collections.abc import Sequence
from pathlib import Path

from kivy.lang import Builder

from kiosk.screens.framed import FramedBox
from kiosk.screens.layout import FlowBox, FlowRow
from kiosk.screens.text import Icon, Small
from kiosk.screens.theme import Theme
from kiosk.screens.words import ScreenTexts

LINES = 2
LEAST_MM = 60.0
"""Narrower than this it says too little: then it takes the strip's place."""


class CaptionText(Small):
    """What is said."""


class Caption(FramedBox):
    """The sentences `said`; the one `at` is being said."""

    def __init__(self, said: Sequence[str], at: int, words: ScreenTexts, theme: Theme) -> None:
        self._sentences, self._at = [words(sentence) for sentence in said], at
        self.label = CaptionText(theme=theme, tone="on_rail", grow=True)
        icon = Icon(theme=theme, name="headphones", size_mm=theme.sizes.label * 1.4, tone="on_rail")
        row = FlowRow([icon, FlowBox(self.label, theme=theme, grow=True, centre=True)], theme=theme, gap=2.4)
        super().__init__(row, theme=theme, padding=(3, 0))

    def arrange(self) -> None:
        """As many sentences as two lines hold: the one of the moment, then those after it, then those before."""
        width = self.width - 2 * self.mm(self.padding[0]) - self.mm(self.theme.sizes.label * 1.4 + 2.4)
        first = last = self._at
        if not self._fits(self._text(first, last), width):
            self.label.text = self._shortened(width)
        else:
            while last + 1 < len(self._sentences) and self._fits(self._text(first, last + 1), width):
                last += 1
            while first and self._fits(self._text(first - 1, last), width):
                first -= 1
            self.label.text = self._text(first, last)
        super().arrange()

    def _text(self, first: int, last: int) -> str:
        shown = range(first, last + 1)
        return " ".join(f"[b]{self._sentences[at]}[/b]" if at == self._at else self._sentences[at] for at in shown)

    def _shortened(self, width: float) -> str:
        """The beginning of a sentence that is longer than two lines."""
        said = self._sentences[self._at].split(" ")
        while len(said) > 1 and not self._fits(f"[b]{' '.join(said)} …[/b]", width):
            said.pop()
        return f"[b]{' '.join(said)} …[/b]"

    def _fits(self, text: str, width: float) -> bool:
        self.label.text = text
        return self.label.extent_at(round(width))[1] <= LINES


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
