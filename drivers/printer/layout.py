"""Document layout: one rendering for paper, screen and picture, and the same as lines of text.

Rules: nothing is clipped (a value that does not fit beside its label goes below it, a word longer than the line is
broken), the width is the printer's in dots, and a QR code keeps its quiet zone. The typeface, Inter, comes with this package.

>>> from drivers.printer.document import Document, RowBlock, TitleBlock
>>> text_lines(Document((TitleBlock("Kvittens"), RowBlock("Av", "Örjan Nyström"))), columns=24)
['Kvittens', 'Av         Örjan Nyström']
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

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
from drivers.printer.symbols import BAR_QUIET_MODULES, code128_modules, qr_matrix

__all__ = ["FONT_FILES", "WIDTH_DOTS", "qr_matrix", "render", "render_block", "text_lines", "to_dots", "wrap"]

WIDTH_DOTS = {80: 576, 58: 384}
"""Printable dots across, by paper width in mm, at 203 dots an inch."""
TEXT_COLUMNS = 48
"""Characters across an 80 mm paper in a printer's own font A."""
WHITE, BLACK = 255, 0
LARGEST_MODULE_DOTS = 8
LARGEST_BAR_DOTS = 3
BAR_ROWS = 64

_ASSETS = Path(__file__).parent / "assets"
FONT_FILES = {False: _ASSETS / "Inter-Regular.ttf", True: _ASSETS / "Inter-SemiBold.ttf"}
"""The typeface of receipts, by whether it is strong."""

Font = ImageFont.FreeTypeFont
Measure = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class _Style:
    width: int
    margin: int
    title: int
    text: int
    gap: int

    @property
    def inner(self) -> int:
        return self.width - 2 * self.margin


def render(document: Document, width_dots: int = WIDTH_DOTS[80]) -> Image.Image:
    """Draw `document` as a grey picture (mode L, white ground), `width_dots` across and as long as it needs.

    Raises ValueError for a QR text that is too long for the width, or a width under 200 dots.
    """
    if width_dots < 200:
        raise ValueError("a receipt is at least 200 dots wide")
    style = _style(width_dots)
    parts = [_draw_block(block, style) for block in document.blocks]
    height = 2 * style.margin + sum(part.height for part in parts) + style.gap * max(0, len(parts) - 1)
    picture = Image.new("L", (width_dots, height), WHITE)
    y = style.margin
    for part in parts:
        picture.paste(part, (style.margin + (style.inner - part.width) // 2, y))
        y += part.height + style.gap
    return picture


def render_block(block: Block, width_dots: int) -> Image.Image:
    """One block as `render` draws it, with its margins at the sides. Raises ValueError as `render` does."""
    style = _style(width_dots)
    part = _draw_block(block, style)
    picture = Image.new("L", (width_dots, part.height), WHITE)
    picture.paste(part, (style.margin + (style.inner - part.width) // 2, 0))
    return picture


def gap_dots(width_dots: int) -> int:
    """White dots between two blocks."""
    return _style(width_dots).gap


def qr_module_dots(text: str, width_dots: int) -> int:
    """Dots that a module of the QR code of `text` has. Raises ValueError where it does not fit across."""
    modules, inner = len(qr_matrix(text)), _style(width_dots).inner
    dots = min(LARGEST_MODULE_DOTS, inner // modules)
    if dots < 2:
        raise ValueError(f"a QR code of {modules} modules does not fit into {inner} dots")
    return dots


def bar_dots(text: str, width_dots: int) -> int:
    """Dots that the thinnest bar of the CODE128 of `text` has. Raises ValueError where it does not fit across.

    The quiet zone may lie in the margin of the paper, where nothing can be printed.
    """
    modules, inner = len(code128_modules(text)) - 2 * BAR_QUIET_MODULES, _style(width_dots).inner
    dots = min(LARGEST_BAR_DOTS, inner // modules)
    if dots < 2:
        raise ValueError(f"a CODE128 of {modules} modules does not fit into {inner} dots")
    return dots


def to_dots(picture: Image.Image) -> Image.Image:
    """The picture as the thermal head prints it: mode 1, each dot black or white, no dithering."""
    return picture.point(lambda value: WHITE if value >= 144 else BLACK).convert("1", dither=Image.Dither.NONE)


def text_lines(document: Document, columns: int = TEXT_COLUMNS) -> list[str]:
    """The same document as lines of at most `columns` characters; a code is given by its text."""
    lines: list[str] = []
    for block in document.blocks:
        lines += _text_block(block, columns)
    return lines


def wrap(text: str, measure: Measure, width: float) -> list[str]:
    """Break `text` into lines not wider than `width`: between words, and inside one that is too long by itself."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if measure(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        *full, line = _break_word(word, measure, width)
        lines += full
    return [*lines, line] if line or not lines else lines


def _break_word(word: str, measure: Measure, width: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and measure(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _style(width_dots: int) -> _Style:
    if width_dots >= 512:
        return _Style(width_dots, margin=16, title=40, text=27, gap=12)
    return _Style(width_dots, margin=8, title=30, text=23, gap=9)


@cache
def _font(size: int, strong: bool) -> Font:
    return ImageFont.truetype(str(FONT_FILES[strong]), size)


def _draw_block(block: Block, style: _Style) -> Image.Image:
    match block:
        case TitleBlock(text):
            return _draw_lines(_wrap_block(text, _font(style.title, True), style), _font(style.title, True), style)
        case ParagraphBlock(text, strong):
            return _draw_lines(_wrap_block(text, _font(style.text, strong), style), _font(style.text, strong), style)
        case RowBlock():
            return _draw_row(block, style)
        case RuleBlock():
            return _draw_rule(style)
        case QrBlock(text):
            return _draw_qr(text, style)
        case BarcodeBlock(text):
            return _draw_bars(text, style)


def _wrap_block(text: str, font: Font, style: _Style) -> list[str]:
    return wrap(text, font.getlength, style.inner)


def _line_height(font: Font) -> int:
    """From the top of Å to the foot of g, with air, whatever the letters of the line are."""
    return round(font.getbbox("ÅÖgjpq|")[3]) + 4


def _draw_lines(lines: list[str], font: Font, style: _Style, *, right: bool = False) -> Image.Image:
    height = _line_height(font)
    picture = Image.new("L", (style.inner, height * len(lines)), WHITE)
    pen = ImageDraw.Draw(picture)
    for index, line in enumerate(lines):
        x = style.inner - font.getlength(line) if right else 0
        pen.text((x, index * height), line, font=font, fill=BLACK)
    return picture


def _draw_row(row: RowBlock, style: _Style) -> Image.Image:
    label, value = _font(style.text, False), _font(style.text, True)
    if label.getlength(row.label) + style.text + value.getlength(row.value) <= style.inner:
        picture = _draw_lines([row.value], value, style, right=True)
        ImageDraw.Draw(picture).text((0, 0), row.label, font=label, fill=BLACK)
        return picture
    upper = _draw_lines(_wrap_block(row.label, label, style), label, style)
    lower = _draw_lines(_wrap_block(row.value, value, style), value, style, right=True)
    both = Image.new("L", (style.inner, upper.height + lower.height), WHITE)
    both.paste(upper, (0, 0))
    both.paste(lower, (0, upper.height))
    return both


def _draw_rule(style: _Style) -> Image.Image:
    picture = Image.new("L", (style.inner, 14), WHITE)
    pen = ImageDraw.Draw(picture)
    for x in range(0, style.inner, 8):
        pen.line((x, 6, min(x + 4, style.inner - 1), 6), fill=BLACK, width=2)
    return picture


def _draw_qr(text: str, style: _Style) -> Image.Image:
    matrix, module = qr_matrix(text), qr_module_dots(text, style.width)
    picture = Image.new("L", (len(matrix), len(matrix)), WHITE)
    picture.putdata([BLACK if dark else WHITE for row in matrix for dark in row])
    return picture.resize((len(matrix) * module, len(matrix) * module), Image.Resampling.NEAREST)


def _draw_bars(text: str, style: _Style) -> Image.Image:
    modules, dots = code128_modules(text)[BAR_QUIET_MODULES:-BAR_QUIET_MODULES], bar_dots(text, style.width)
    picture = Image.new("L", (len(modules), 1), WHITE)
    picture.putdata([BLACK if dark else WHITE for dark in modules])
    return picture.resize((len(modules) * dots, BAR_ROWS), Image.Resampling.NEAREST)


def _text_block(block: Block, columns: int) -> list[str]:
    match block:
        case TitleBlock(text) | ParagraphBlock(text, _) | QrBlock(text) | BarcodeBlock(text):
            return wrap(text, len, columns)
        case RuleBlock():
            return ["-" * columns]
        case RowBlock(label, value) if len(label) + len(value) + 1 <= columns:
            return [label + value.rjust(columns - len(label))]
        case RowBlock(label, value):
            return wrap(label, len, columns) + [line.rjust(columns) for line in wrap(value, len, columns)]
