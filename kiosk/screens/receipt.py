"""Receipt on screen: as it will stand on paper, or as a large code to scan where there is no paper."""

from pathlib import Path
from typing import Any

import qrcode
from kivy.lang import Builder
from qrcode.constants import ERROR_CORRECT_M

from kiosk.screens.drawings.figure import Figure
from kiosk.screens.drawings.pen import Pen
from kiosk.screens.framed import FramedBox
from kiosk.screens.layout import Flow, FlowBox, FlowColumn, FlowRow, Spacer
from kiosk.screens.text import Text
from kiosk.screens.theme import Theme, rgb
from kiosk.screens.words import ScreenTexts
from kiosk.views import ReceiptPanel

BLACK, GREY = rgb("#000000"), rgb("#73828A")
SLIP_MM, SCAN_MM = 86.0, 84.0
MOST_PROMISED = 120
"""So many characters of a promise have room below the rows of a sheet."""


class Slip(FramedBox):
    """A sheet of paper, white in every theme."""


class SlipTitle(Text):
    """The heading of a receipt."""


class SlipText(Text):
    """A line of a receipt. `tone` is not used: paper keeps its ink."""


class SlipLabel(SlipText):
    """Label before a value."""


class SlipRow(Flow):
    """A label and its value at the other edge, below each other where both do not fit: as on paper."""

    def __init__(self, label: str, value: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label = SlipLabel(theme=self.theme, text=label)
        self.value = SlipText(theme=self.theme, text=value, halign="right")
        self.add_widget(self.label)
        self.add_widget(self.value)

    def height_for(self, width: float) -> float:
        label, value = (part.height_for(self._wide(part, width)) for part in (self.label, self.value))
        return label + value if self._below(width) else max(label, value)

    def arrange(self) -> None:
        below = self._below(self.width)
        label, value = (self._wide(part, self.width) for part in (self.label, self.value))
        high = self.value.height_for(value)
        self.label.place(self.x, self.top, label, self.label.height_for(label))
        self.value.place(self.right - value, self.y + high if below else self.top, value, high)

    def _wide(self, part: Text, width: float) -> float:
        return width if self._below(width) else part.wanted_width()

    def _below(self, width: float) -> bool:
        return self.label.wanted_width() + self.mm(2) + self.value.wanted_width() > width


class BelowCode(SlipLabel):
    """Text below the code, which the code itself says, too."""

    needed = False


class Tear(Flow):
    """The dashed line across the slip."""

    def height_for(self, width: float) -> float:
        return self.mm(0.3)

    def arrange(self) -> None:
        self.canvas.clear()
        pen = Pen(self.canvas, self.x, self.top, self.mm(1))
        x, end = 0.0, self.width / self.mm(1)
        while x < end:
            pen.rect(x, 0, min(0.6, end - x), 0.25, 0, GREY)
            x += 1.1


def qr_figure(text: str, width_mm: float, theme: Theme) -> Figure:
    """The code, drawn as rectangles, one for each run of dark modules in a row."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()

    def draw(pen: Pen) -> None:
        for y, row in enumerate(rows):
            for start, length in _runs(row):
                pen.rect(start, y, length, 1, 0, BLACK)

    return Figure(draw, (len(rows), len(rows)), theme=theme, width_mm=width_mm, grow=False, whole=True)


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == x:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        elif dark:
            runs.append((x, 1))
    return runs


def promise_fits(panel: ReceiptPanel, words: ScreenTexts, theme: Theme) -> bool:
    """Return whether the sheet has room for what is signed; else it stands beside it."""
    return not theme.small_panel and (panel.promise is None or len(words(panel.promise)) <= MOST_PROMISED)


def slip(panel: ReceiptPanel, words: ScreenTexts, theme: Theme, **kwargs: Any) -> Slip:
    """The receipt as it will stand on paper, and its code once it is signed."""
    lines: list[Flow] = [SlipTitle(theme=theme, text=words(panel.title))]
    facts: list[Flow] = [SlipRow(words(fact.label), words(fact.value), theme=theme) for fact in panel.facts]
    lines.append(FlowColumn(facts, theme=theme, gap=1))
    if panel.promise is not None and promise_fits(panel, words, theme):
        lines += [Tear(theme=theme), SlipText(theme=theme, text=words(panel.promise))]
    if panel.qr:
        column: list[Flow] = [
            SlipText(theme=theme, text=f"[b]{words.frame('frame.receipt_take')}[/b]"),
            SlipLabel(theme=theme, text=words.frame("frame.receipt_scan")),
            *(
                [SlipLabel(theme=theme, text=words.frame("frame.receipt_no", number=panel.number))]
                if panel.number
                else []
            ),
        ]
        beside = FlowBox(FlowColumn(column, theme=theme), theme=theme, grow=True, centre=True)
        side = {"10": 28, "7": 20, "p": 44}[theme.panel.name]
        lines += [Tear(theme=theme), FlowRow([qr_figure(panel.qr, side, theme), beside], theme=theme, gap=5)]
    inside = FlowColumn([*lines, Spacer(theme=theme)], theme=theme, gap=2.6 if not theme.small_panel else 1.6)
    wide = 60 if theme.small_panel else SLIP_MM
    padding = (3, 3) if theme.small_panel else (6.4, 6.4)
    return Slip(inside, theme=theme, padding=padding, width_mm=wide, tall=True, **kwargs)


class ScanTitle(SlipText):
    """Title that says what to do with the code."""


def scan_panel(panel: ReceiptPanel, words: ScreenTexts, theme: Theme) -> Slip:
    """The code alone, large, with its number and what else is to be known; the last of it goes where there is no room."""
    small = theme.small_panel
    side = 24 if small else 50
    facts = [
        BelowCode(theme=theme, text=words(fact.value), halign="center", drop=at)
        for at, fact in enumerate(panel.facts, 1)
    ]
    number = words.frame("frame.receipt_number", number=panel.number)
    lines: list[Flow] = [
        ScanTitle(theme=theme, text=words(panel.title), halign="center"),
        *([SlipLabel(theme=theme, text=number, halign="center")] if panel.number else []),
        *facts,
    ]
    figure: list[Flow] = [qr_figure(panel.qr, side, theme), Spacer(2 if small else 5, theme=theme)] if panel.qr else []
    inside = FlowColumn([*figure, *lines], theme=theme, centred=True)
    padding, wide = ((3, 3), 50) if small else ((6, 5), SCAN_MM)
    return ScanSlip(inside, theme=theme, padding=padding, width_mm=wide, tall=True, centre=True)


class ScanSlip(Slip):
    """The sheet with a large code. What stands below the code gives way."""

    def pieces(self, width: float, height: float) -> list[Flow]:
        self.grow = True
        return [self]


Builder.load_file(str(Path(__file__).with_suffix(".kv")))
