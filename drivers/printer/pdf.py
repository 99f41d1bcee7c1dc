"""PDF rendering of a document on A4: the same blocks as on paper, for a binder. Alone imports ReportLab.

Rules: letters are text that can be searched and copied, in Inter, which is embedded; codes are drawn in black rectangles;
what does not fit goes to a further page; the same document is always the same bytes.

>>> from drivers.printer.document import Document, TitleBlock
>>> a4(Document((TitleBlock("Kvittens"),)), title="Kvittens", footer="")[:5]
b'%PDF-'
"""

import io
from dataclasses import dataclass
from functools import cache

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from drivers.printer.document import (
    BarcodeBlock,
    Block,
    Document,
    ParagraphBlock,
    QrBlock,
    RowBlock,
    RuleBlock,
    TitleBlock,
)
from drivers.printer.layout import FONT_FILES, wrap
from drivers.printer.symbols import BAR_QUIET_MODULES, QUIET_MODULES, code128_modules, qr_matrix

POINTS_PER_MM = 72 / 25.4
MARGIN, TOP, BOTTOM = 25 * POINTS_PER_MM, 22 * POINTS_PER_MM, 28 * POINTS_PER_MM
"""The left margin has room for the holes of a binder."""
TITLE, TEXT, SMALL = 22.0, 11.5, 8.5
LEADING = 1.45
GAP = 8.0
LABEL_PART = 0.34
"""Of the width: labels at the left, values beside them."""
QR_SIDE, BAR_HEIGHT, BAR_MODULE = 58 * POINTS_PER_MM, 14 * POINTS_PER_MM, 0.33 * POINTS_PER_MM

_NAMES = {False: "Inter-Regular", True: "Inter-SemiBold"}


def a4(document: Document, *, title: str, footer: str) -> bytes:
    """The PDF. `title` is the file's; `footer` stands small at the foot of each page. Raises ValueError for a code that
    is too long."""
    _register()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, initialFontName=_NAMES[False], lang="sv")
    canvas.setTitle(title)
    page = _Page(canvas, footer)
    for block in document.blocks:
        page.draw(block)
    page.end()
    canvas.save()
    return buffer.getvalue()


@cache
def _register() -> None:
    for strong, name in _NAMES.items():
        pdfmetrics.registerFont(TTFont(name, str(FONT_FILES[strong])))


@dataclass(slots=True)
class _Page:
    """Page with the place of the pen; `y` is from the top down."""

    canvas: Canvas
    footer: str
    y: float = A4[1] - TOP

    def draw(self, block: Block) -> None:
        match block:
            case TitleBlock(text):
                self._lines(text, TITLE, True)
                self.y -= GAP
            case ParagraphBlock(text, strong):
                self._lines(text, TEXT, strong)
            case RowBlock(label, value):
                self._row(label, value)
            case RuleBlock():
                self._room(2 * GAP)
                self.canvas.setLineWidth(0.6)
                self.canvas.line(MARGIN, self.y - GAP, A4[0] - MARGIN, self.y - GAP)
                self.y -= 2 * GAP
            case QrBlock(text):
                matrix = qr_matrix(text)
                self._modules(matrix, QR_SIDE / len(matrix), 0, QUIET_MODULES)
            case BarcodeBlock(text):
                self._modules([code128_modules(text)], BAR_MODULE, BAR_HEIGHT, BAR_QUIET_MODULES)

    def end(self) -> None:
        """The foot, and no more on this page."""
        y = BOTTOM - SMALL * LEADING
        self.canvas.setFont(_NAMES[False], SMALL)
        for line in wrap(self.footer, lambda text: _width(text, SMALL, False), A4[0] - 2 * MARGIN):
            self.canvas.drawString(MARGIN, y, line)
            y -= SMALL * LEADING
        self.canvas.showPage()
        self.y = A4[1] - TOP

    def _room(self, height: float) -> None:
        if self.y - height < BOTTOM:
            self.end()

    def _lines(
        self, text: str, size: float, strong: bool, x: float = MARGIN, width: float = A4[0] - 2 * MARGIN
    ) -> None:
        for line in wrap(text, lambda part: _width(part, size, strong), width):
            self._room(size * LEADING)
            self.canvas.setFont(_NAMES[strong], size)
            self.canvas.drawString(x, self.y - size, line)
            self.y -= size * LEADING

    def _row(self, label: str, value: str) -> None:
        """The label's lines and, from the same height, the value's."""
        width = A4[0] - 2 * MARGIN
        labels = len(wrap(label, lambda part: _width(part, TEXT, False), width * LABEL_PART - GAP))
        values = len(wrap(value, lambda part: _width(part, TEXT, True), width * (1 - LABEL_PART)))
        self._room(max(labels, values) * TEXT * LEADING)
        top = self.y
        self._lines(label, TEXT, False, width=width * LABEL_PART - GAP)
        below, self.y = self.y, top
        self._lines(value, TEXT, True, x=MARGIN + width * LABEL_PART, width=width * (1 - LABEL_PART))
        self.y = min(self.y, below) - 2

    def _modules(self, rows: list[list[bool]], side: float, height: float, quiet: int) -> None:
        """Modules `side` wide and as high, or `height` high; the runs of black in a row are one rectangle each.

        The `quiet` modules at the left lie in the margin, so that black begins where the letters do.
        """
        x = MARGIN - quiet * side
        tall = height or side
        self._room(len(rows) * tall + 2 * GAP)
        self.y -= GAP
        for row in rows:
            self.y -= tall
            for start, end in _runs(row):
                self.canvas.rect(x + start * side, self.y, (end - start) * side, tall, stroke=0, fill=1)
        self.y -= GAP


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Return where black begins and ends."""
    edges = [at for at, (before, other) in enumerate(zip([False, *row], [*row, False], strict=True)) if before != other]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _width(text: str, size: float, strong: bool) -> float:
    return float(pdfmetrics.stringWidth(text, _NAMES[strong], size))
