"""ESC/POS parser of the virtual printer: bytes to commands. Pure.

Rules: a command that is not all there yet is waited for; one that is not known is passed over in two bytes, as printers
do; whatever is read, something is taken. (Epson, ESC/POS command reference.)

>>> next_command(b"Hej!\\n")
(4, PrintText(data=b'Hej!'))
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drivers.printer import protocol

Name = Literal[
    "bold", "size", "justify", "code_page", "bar_height", "bar_width", "qr_module", "qr_level", "qr_store", "ignored"
]


@dataclass(frozen=True, slots=True)
class PrintRaster:
    """GS v 0: rows of dots, one bit each, black is 1."""

    row_bytes: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class PrintText:
    """Letters in the code page that is set."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LineFeed:
    """Print the line, and go to the next."""


@dataclass(frozen=True, slots=True)
class FeedPaper:
    """Print the line, and feed so many rows of dots, or lines."""

    rows: int
    lines: int = 0


@dataclass(frozen=True, slots=True)
class SetMode:
    """Something that holds for what follows."""

    what: Name
    value: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class PrintQr:
    """Print the QR code that was stored."""


@dataclass(frozen=True, slots=True)
class PrintCode128:
    """Print a CODE128: `{B` and its text."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut, after feeding so many rows."""

    feed_rows: int


@dataclass(frozen=True, slots=True)
class Initialise:
    """Back to what it is like when it is switched on."""


@dataclass(frozen=True, slots=True)
class StatusInTurn:
    """GS r: answer when everything before has been carried out."""


Command = (
    PrintRaster | PrintText | LineFeed | FeedPaper | SetMode | PrintQr | PrintCode128 | Cut | Initialise | StatusInTurn
)
Taken = tuple[int, Command | None]
"""How many bytes, and what they mean; None: a real-time request."""

IGNORED = SetMode("ignored")
_ONE_BYTE: dict[bytes, Callable[[int], Command]] = {
    b"\x1bd": lambda n: FeedPaper(0, n),
    b"\x1bJ": FeedPaper,
    b"\x1bE": lambda n: SetMode("bold", n & 1),
    b"\x1d!": lambda n: SetMode("size", n),
    b"\x1ba": lambda n: SetMode("justify", n % 48),
    b"\x1bt": lambda n: SetMode("code_page", n),
    b"\x1dh": lambda n: SetMode("bar_height", n),
    b"\x1dw": lambda n: SetMode("bar_width", n),
    b"\x1dr": lambda n: StatusInTurn(),
    **dict.fromkeys(
        (b"\x1dH", b"\x1df", b"\x1bM", b"\x1b-", b"\x1bG", b"\x1b3", b"\x1b{", b"\x1dB"), lambda n: IGNORED
    ),
}
"""Commands of two bytes and one that says how."""
_QR_SETTINGS: dict[int, Name] = {67: "qr_module", 69: "qr_level"}


def next_command(data: bytes) -> Taken | None:
    """Read one command from the start of `data`; None where more bytes are needed."""
    if not data:
        return None
    if data[:1] == b"\x10":
        return _real_time_request(data)
    if data[:1] in (b"\x1b", b"\x1d"):
        return _two_bytes_or_more(data)
    return _text(data)


def _real_time_request(data: bytes) -> Taken | None:
    if data.startswith(protocol.DLE_EOT):
        return (3, None) if len(data) >= 3 else None
    if data.startswith(protocol.DLE_DC4_CLEAR):
        return len(protocol.DLE_DC4_CLEAR), None
    starts = data == b"\x10" or protocol.DLE_DC4_CLEAR.startswith(data)
    return None if starts else (1, IGNORED)


def _two_bytes_or_more(data: bytes) -> Taken | None:
    if len(data) < 3:
        return (2, Initialise()) if data == protocol.INITIALISE else None
    name = data[:2]
    if name == protocol.INITIALISE:
        return 2, Initialise()
    if name in _ONE_BYTE:
        return 3, _ONE_BYTE[name](data[2])
    longer = {b"\x1dV": _cut, b"\x1dv": _raster, b"\x1d(": _code_2d, b"\x1dk": _barcode}.get(name)
    return longer(data) if longer else (2, IGNORED)


def _cut(data: bytes) -> Taken | None:
    if data[2] not in (65, 66):
        return 3, Cut(0)
    return (4, Cut(data[3])) if len(data) >= 4 else None


def _raster(data: bytes) -> Taken | None:
    """GS v 0 m xL xH yL yH d..."""
    if data[2:3] != b"0":
        return 2, IGNORED
    if len(data) < 8:
        return None
    row_bytes, height = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    end = 8 + row_bytes * height
    return (end, PrintRaster(max(1, row_bytes), data[8:end])) if len(data) >= end else None


def _code_2d(data: bytes) -> Taken | None:
    """GS ( k pL pH cn fn [parameters]; cn 49 is the QR code."""
    if data[2:3] != b"k":
        return 2, IGNORED
    if len(data) < 5:
        return None
    end = 5 + int.from_bytes(data[3:5], "little")
    if len(data) < end:
        return None
    text = data[5:end]
    if len(text) < 3 or text[0] != 49:
        return end, IGNORED
    if text[1] in _QR_SETTINGS:
        return end, SetMode(_QR_SETTINGS[text[1]], text[2])
    if text[1] == 80:
        return end, SetMode("qr_store", data=text[3:])
    return end, PrintQr() if text[1] == 81 else IGNORED


def _barcode(data: bytes) -> Taken | None:
    """GS k m n d1...dn; m 73 is CODE128. The older form, whose data ends with NUL, prints nothing here."""
    if data[2] <= 6:
        end = data.find(b"\0", 3)
        return (end + 1, IGNORED) if end >= 0 else None
    if len(data) < 4 or len(data) < 4 + data[3]:
        return None
    end = 4 + data[3]
    return end, PrintCode128(data[4:end]) if data[2] == 73 else IGNORED


def _text(data: bytes) -> Taken | None:
    if data[0] < 0x20:
        return 1, LineFeed() if data[0] == 0x0A else IGNORED
    end = next((index for index, byte in enumerate(data) if byte < 0x20), len(data))
    return end, PrintText(data[:end])
