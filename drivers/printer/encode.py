"""ESC/POS encoder: a document as the bytes of one printer, with a picture for what its profile cannot do.

Rules: the steps are short (a printer with a buffer of 4 KiB never holds more than two), the first initialises, the last
feeds and cuts. A letter that the printer's code page does not have makes its block a picture, so that no name is ever
printed with a question mark; a control character never reaches the printer as a command.

>>> from drivers.printer.document import Document, RowBlock
>>> from drivers.printer.profile import load_printer_profile
>>> encode(Document((RowBlock("Av", "Åsa"),)), load_printer_profile("tm-t88v"))[1]
b'Av                                     \\x1bE\\x01\\x8fsa\\x1bE\\x00\\n'
"""

import unicodedata

from PIL import Image

from drivers.printer import layout, protocol
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
from drivers.printer.layout import wrap
from drivers.printer.profile import CodePage, PrinterProfile
from drivers.printer.symbols import QUIET_MODULES
from drivers.printer.transports import Recorder

BAND_ROWS = 24
"""Of a picture, in one step: 1.7 KiB at 576 dots."""
TEAR_LINES = 6
"""From the head to the edge where paper is torn off."""
_CUT_MODES = {"partial": "PART", "full": "FULL"}


class LayoutError(ValueError):
    """The document cannot be laid out for this paper. `why`: see `drivers.printer.port.NotLaidOut`."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the document cannot be laid out: {why}")
        self.why = why


def encode(document: Document, profile: PrinterProfile) -> tuple[bytes, ...]:
    """The steps of a print. Raises LayoutError, for a code that does not fit across the paper and whatever else is in the way."""
    try:
        return _encoded(document, profile)
    except (ValueError, OSError) as fault:  # OSError: a font that is not there
        raise LayoutError(_first_unprintable_block(document, profile)) from fault


def _first_unprintable_block(document: Document, profile: PrinterProfile) -> str:
    """The first block that cannot be drawn by itself."""
    for block in document.blocks:
        try:
            layout.render_block(block, profile.dots)
        except (ValueError, OSError):
            return {QrBlock: "qr", BarcodeBlock: "barcode"}.get(type(block), "other")
    return "other"


def _encoded(document: Document, profile: PrinterProfile) -> tuple[bytes, ...]:
    recorder = Recorder(profile.dots)
    begin = recorder.initialise()
    if profile.code_page is None:
        body = _bands(layout.to_dots(layout.render(document, profile.dots)), recorder)
    else:
        begin += protocol.SELECT_CODE_PAGE + bytes((profile.code_page.number,))
        body = [step for block in document.blocks for step in _Typist(profile, recorder).steps(block)]
    mode = _CUT_MODES.get(profile.cut)
    return (begin, *body, recorder.cut(mode) if mode else recorder.feed_lines(TEAR_LINES))


def _bands(dots: Image.Image, recorder: Recorder) -> list[bytes]:
    tops = range(0, dots.height, BAND_ROWS)
    return [recorder.raster(dots.crop((0, top, dots.width, min(top + BAND_ROWS, dots.height)))) for top in tops]


class _Typist:
    """Blocks in the printer's own letters and codes, as far as it has them."""

    def __init__(self, profile: PrinterProfile, recorder: Recorder) -> None:
        self._profile = profile
        self._columns = profile.columns
        self._recorder = recorder

    def steps(self, block: Block) -> list[bytes]:
        """One block, in one step or in bands."""
        match block:
            case QrBlock(text) if self._profile.qr == "printer":
                return [self._qr(text)]
            case BarcodeBlock(text) if self._profile.code128 == "printer":
                return [self._bars(text)]
            case QrBlock() | BarcodeBlock():
                return self._picture(block)
        try:
            return [self._letters(block)]
        except UnicodeEncodeError:
            return self._picture(block)

    def _picture(self, block: Block) -> list[bytes]:
        *bands, last = _bands(layout.to_dots(layout.render_block(block, self._profile.dots)), self._recorder)
        return [*bands, last + _feed(layout.gap_dots(self._profile.dots))]

    def _letters(self, block: TitleBlock | RowBlock | ParagraphBlock | RuleBlock) -> bytes:
        match block:
            case TitleBlock(text):
                lines = self._lines(text)
                tall = protocol.TALL + protocol.STRONG + lines + protocol.NOT_STRONG + protocol.NOT_TALL
                return tall + _feed(layout.gap_dots(self._profile.dots))
            case ParagraphBlock(text, strong):
                lines = self._lines(text)
                return protocol.STRONG + lines + protocol.NOT_STRONG if strong else lines
            case RuleBlock():
                return b"-" * self._columns + protocol.LINE_FEED
            case RowBlock(label, value):
                return self._row(_clean(label), _clean(value))

    def _row(self, label: str, value: str) -> bytes:
        if len(label) + len(value) + 1 > self._columns:
            below = [line.rjust(self._columns) for line in wrap(value, len, self._columns)]
            strong = b"".join(self._encoded(line) + protocol.LINE_FEED for line in below)
            return self._lines(label) + protocol.STRONG + strong + protocol.NOT_STRONG
        head = self._encoded(label.ljust(self._columns - len(value)))
        return head + protocol.STRONG + self._encoded(value) + protocol.NOT_STRONG + protocol.LINE_FEED

    def _lines(self, text: str) -> bytes:
        return b"".join(self._encoded(line) + protocol.LINE_FEED for line in wrap(_clean(text), len, self._columns))

    def _encoded(self, text: str) -> bytes:
        page = self._profile.code_page
        assert isinstance(page, CodePage)
        return text.encode(page.codec)

    def _qr(self, text: str) -> bytes:
        module = layout.qr_module_dots(text, self._profile.dots)
        quiet = _feed(QUIET_MODULES * module)
        return quiet + protocol.CENTRE + self._recorder.qr(text, module) + protocol.LEFT + quiet

    def _bars(self, text: str) -> bytes:
        dots = layout.bar_dots(text, self._profile.dots)
        code = self._recorder.code128(text, dots, layout.BAR_ROWS)
        return code + protocol.LEFT + _feed(layout.gap_dots(self._profile.dots))


def _feed(rows: int) -> bytes:
    return protocol.FEED_DOTS + bytes((rows,))


def _clean(text: str) -> str:
    """In composed form (one sign for Å), without anything that is no letter to print."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(letter if letter.isprintable() else " " for letter in composed)
