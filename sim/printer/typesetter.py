"""The virtual printer's own letters and codes: bytes and settings in, rows of dots out. No paper, no faults.

Its letters are cells of 12 by 24 dots (font A), taller, wider or strong as set; a letter that its code page does not
have is a box. A code that does not fit across is not printed, as real printers do.

>>> len(Typesetter(384).code128(b"{B7F3A"))
7776
"""

from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from drivers.printer import protocol
from drivers.printer.layout import FONT_FILES
from drivers.printer.symbols import BAR_QUIET_MODULES, QUIET_MODULES, code128_modules, qr_matrix
from sim.printer.escpos_parser import SetMode

CELL = (12, 24)
LINE_ROWS = 30
"""From one line to the next, where its letters are not taller."""
_LETTER_DOTS = 19
_LEVEL_M = 49


@dataclass(frozen=True, slots=True)
class _Letter:
    letter: str | None
    strong: bool
    size: int

    @property
    def times(self) -> tuple[int, int]:
        """Times that its dots are doubled, across and down."""
        return (self.size >> 4 & 7) + 1, (self.size & 7) + 1


class Typesetter:
    """Settings and the line that is being filled."""

    def __init__(self, width_dots: int) -> None:
        self._width = width_dots
        self._settings: dict[str, int] = {}
        self._stored = b""
        self._line: list[_Letter] = []

    def reset(self) -> None:
        """ESC @: no settings, no half line."""
        self._settings, self._stored, self._line = {}, b"", []

    def set(self, setting: SetMode) -> None:
        """Set a mode for the text that follows."""
        if setting.what == "qr_store":
            self._stored = setting.data
        self._settings[setting.what] = setting.value

    def text(self, data: bytes) -> bytes:
        """Put letters into the line; rows of the lines that were full."""
        codec = protocol.CODE_PAGES.get(self._settings.get("code_page", 0))
        rows = b""
        for byte in data:
            character = chr(byte) if byte < 0x80 else bytes((byte,)).decode(codec, "ignore") if codec else ""
            letter = _Letter(character or None, bool(self._settings.get("bold")), self._settings.get("size", 0))
            if self._filled() + CELL[0] * letter.times[0] > self._width:
                rows += self.line()
            self._line.append(letter)
        return rows

    @property
    def in_line(self) -> bool:
        """True while a line has been begun."""
        return bool(self._line)

    def line(self) -> bytes:
        """The rows of the line, and a new one begins."""
        tall = max((letter.times[1] for letter in self._line), default=1)
        picture = Image.new("1", (max(1, self._filled()), CELL[1] * tall))
        x = 0
        for letter in self._line:
            cell = _cell(letter)
            picture.paste(cell, (x, picture.height - cell.height))
            x += cell.width
        self._line = []
        return self._justified(picture, max(LINE_ROWS, picture.height))

    def qr(self) -> bytes:
        """The QR code that was stored; nothing where it is too wide, or none was stored."""
        if not self._stored or self._settings.get("qr_level") != _LEVEL_M:
            return b""
        try:
            matrix = qr_matrix(self._stored.decode("utf-8", "replace"))
        except ValueError:
            return b""
        inner = [row[QUIET_MODULES:-QUIET_MODULES] for row in matrix[QUIET_MODULES:-QUIET_MODULES]]
        return self._modules(inner, self._settings.get("qr_module", 3))

    def code128(self, data: bytes) -> bytes:
        """A CODE128 in code set B; nothing where it is too wide, or not in that set."""
        try:
            text = data.removeprefix(b"{B").decode("ascii").replace("{{", "{")
            modules = code128_modules(text)[BAR_QUIET_MODULES:-BAR_QUIET_MODULES]
        except ValueError:
            return b""
        return self._modules([modules], self._settings.get("bar_width", 3), self._settings.get("bar_height", 162))

    def _modules(self, modules: list[list[bool]], dots: int, rows: int = 0) -> bytes:
        width = len(modules[0]) * dots
        if not 0 < width <= self._width:
            return b""
        picture = Image.new("1", (len(modules[0]), len(modules)))
        picture.putdata([int(dark) for row in modules for dark in row])
        height = rows or len(modules) * dots
        return self._justified(picture.resize((width, height), Image.Resampling.NEAREST), height)

    def _justified(self, picture: Image.Image, rows: int) -> bytes:
        room = self._width - picture.width
        x = {1: room // 2, 2: room}.get(self._settings.get("justify", 0), 0)
        across = Image.new("1", (self._width, rows))
        across.paste(picture, (x, 0))
        return across.tobytes()

    def _filled(self) -> int:
        return sum(CELL[0] * letter.times[0] for letter in self._line)


@lru_cache(maxsize=2048)
def _cell(letter: _Letter) -> Image.Image:
    """One letter, black is 1."""
    picture = Image.new("1", CELL)
    pen = ImageDraw.Draw(picture)
    if letter.letter is None:
        pen.rectangle((1, 3, CELL[0] - 2, CELL[1] - 4), outline=1)
    else:
        font = ImageFont.truetype(str(FONT_FILES[letter.strong]), _LETTER_DOTS)
        squeezed = Image.new("L", (CELL[0] * 2, CELL[1]))
        ImageDraw.Draw(squeezed).text((CELL[0], 0), letter.letter, font=font, fill=255, anchor="ma")
        width = max(CELL[0], round(font.getlength(letter.letter)))
        left = (squeezed.width - width) // 2
        fitted = squeezed.crop((left, 0, left + width, CELL[1])).resize(CELL)
        picture = fitted.point(lambda value: 255 if value > 110 else 0).convert("1")
    across, down = letter.times
    return picture.resize((CELL[0] * across, CELL[1] * down), Image.Resampling.NEAREST)
