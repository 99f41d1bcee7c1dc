"""The inside of the virtual printer: ESC/POS bytes in, answers and cut receipts out. No I/O, no clock.

It keeps the real thing's rules: real-time requests are answered at once in any state; everything else waits in the
buffer while the printer is stopped, and goes on when the cause is gone; what is printed is on the paper until it is
cut or torn off.

>>> machine = Machine(width_dots=384)
>>> machine.feed(bytes.fromhex("10 04 01")).hex()
'12'
"""

from collections import deque
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from drivers.printer import protocol

LINE_ROWS = 30
TEXT_ROWS = 24


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with the printer. All of it sets in once `after_rows` more rows of dots have been printed."""

    paper_out: bool = False
    paper_low: bool = False
    cover_open: bool = False
    cutter_stuck: bool = False
    """With `after_rows` it is found at the cut, without it has been found before."""
    offline: bool = False
    mute: bool = False
    """It takes what is sent, prints nothing and answers nothing."""
    hang_up: bool = False
    """It ends the connection."""
    after_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Raster:
    row_bytes: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Feed:
    rows: int


@dataclass(frozen=True, slots=True)
class _Cut:
    feed_rows: int


@dataclass(frozen=True, slots=True)
class _Initialise:
    pass


@dataclass(frozen=True, slots=True)
class _StatusInTurn:
    pass


_Command = _Raster | _Text | _Feed | _Cut | _Initialise | _StatusInTurn


class Machine:
    """One printer. `faults` may be set at any time; `take_receipts()` gives what was cut since the last call."""

    def __init__(self, width_dots: int) -> None:
        self.width_dots = width_dots
        self._faults = Faults()
        self._rows_since = 0
        self._input = bytearray()
        self._waiting: deque[_Command] = deque()
        self._paper = bytearray()
        self._cutter_found_stuck = False
        self._receipts: list[Image.Image] = []

    @property
    def faults(self) -> Faults:
        """What is wrong now, or is going to be."""
        return self._faults

    def set_faults(self, faults: Faults) -> bytes:
        """Break or mend the printer; returns answers that were waiting. Whoever mends it tears off what hangs out."""
        mended = self._stopped() and not _stops(faults)
        self._faults = faults
        self._rows_since = 0
        self._cutter_found_stuck = faults.cutter_stuck and not faults.after_rows
        if mended:
            self._paper.clear()
        return self._work()

    @property
    def hung_up(self) -> bool:
        """Whether the connection must end now."""
        return self._faults.hang_up and self._set_in()

    def take_receipts(self) -> list[Image.Image]:
        """Cut receipts, oldest first, mode 1, and forget them."""
        taken, self._receipts = self._receipts, []
        return taken

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the line, and return the answer."""
        if self.hung_up or self._mute():
            return b""
        self._input += data
        return self._work()

    def line_ended(self) -> None:
        """The connection is gone, and half a command with it; commands that are complete stay in the buffer."""
        self._input.clear()

    def _work(self) -> bytes:
        answer = bytearray()
        while taken := self._next():
            size, command = taken
            request = bytes(self._input[:size])
            del self._input[:size]
            if command is None:
                answer += self._real_time(request)
            else:
                self._waiting.append(command)
            answer += self._carry_out()
        return bytes(answer + self._carry_out())

    def _carry_out(self) -> bytes:
        answer = bytearray()
        while self._waiting and not self._halted():
            match self._waiting.popleft():
                case _Raster(row_bytes, rows):
                    self._raster(row_bytes, rows)
                case _Text(text):
                    self._raster(self.width_dots // 8, self._draw(text))
                case _Feed(rows):
                    self._blank(rows)
                case _Cut(feed_rows):
                    self._blank(feed_rows)
                    self._cut(feed_rows)
                case _StatusInTurn():
                    answer.append(self._in_turn())
                case _Initialise():
                    pass
        return bytes(answer)

    # What it is like

    def _set_in(self) -> bool:
        return self._rows_since >= self._faults.after_rows

    def _mute(self) -> bool:
        return self._faults.mute and self._set_in()

    def _stopped(self) -> bool:
        return self._cutter_found_stuck or (self._set_in() and _stops(self._faults))

    def _halted(self) -> bool:
        return self._stopped() or self._mute() or self.hung_up

    def _real_time(self, request: bytes) -> bytes:
        if self._mute() or self.hung_up:
            return b""
        if request == protocol.DLE_DC4_CLEAR:
            self._waiting.clear()
            return b""
        return bytes((protocol.FIXED_BITS | self._status_bits(request[2]),))

    def _status_bits(self, what: int) -> int:
        now = self._faults if self._set_in() else Faults()
        bits = {
            protocol.PRINTER: protocol.IS_OFFLINE * self._stopped(),
            protocol.OFFLINE_CAUSE: protocol.COVER_IS_OPEN * now.cover_open
            | protocol.STOPPED_BY_PAPER_END * now.paper_out
            | protocol.HAS_ERROR * self._cutter_found_stuck,
            protocol.ERROR_CAUSE: protocol.CUTTER_ERROR * self._cutter_found_stuck,
            protocol.PAPER: protocol.PAPER_END * now.paper_out | protocol.NEAR_END * (now.paper_low or now.paper_out),
        }
        return bits.get(what, 0)

    def _in_turn(self) -> int:
        return 0x03 if self._faults.paper_low and self._set_in() else 0x00

    # Paper

    def _raster(self, row_bytes: int, rows: bytes) -> None:
        width = self.width_dots // 8
        for start in range(0, len(rows), row_bytes):
            if self._halted():
                self._waiting.appendleft(_Raster(row_bytes, rows[start:]))
                return
            self._paper += rows[start : start + row_bytes][:width].ljust(width, b"\0")
            self._rows_since += 1

    def _blank(self, rows: int) -> None:
        self._paper += bytes(rows * (self.width_dots // 8))
        self._rows_since += rows

    def _cut(self, feed_rows: int) -> None:
        if self._stopped():
            self._waiting.appendleft(_Cut(0))
            return
        if self._faults.cutter_stuck:
            self._cutter_found_stuck = True
            return
        height = len(self._paper) // (self.width_dots // 8)
        if height:
            printed = Image.frombytes("1", (self.width_dots, height), bytes(self._paper))
            self._receipts.append(printed.point(lambda dot: 255 - dot))
        self._paper.clear()

    def _draw(self, text: str) -> bytes:
        picture = Image.new("1", (self.width_dots, TEXT_ROWS), 0)
        ImageDraw.Draw(picture).text((0, 0), text, font=ImageFont.load_default(20), fill=1)
        return picture.tobytes()

    # Bytes to commands

    def _next(self) -> tuple[int, _Command | None] | None:
        """The next complete command at the head of the input: its length and meaning (None: a real-time request)."""
        return next_command(bytes(self._input))


def _stops(faults: Faults) -> bool:
    return faults.paper_out or faults.cover_open or faults.offline


def next_command(data: bytes) -> tuple[int, _Command | None] | None:
    """Read one ESC/POS command from the start of `data`; None where more bytes are needed.

    Commands it does not know are passed over a byte at a time, as printers do.
    """
    if data[:1] == b"\x10":
        return _real_time_request(data)
    if data[:1] == b"\x1b":
        return _escape(data)
    if data[:1] == b"\x1d":
        return _group(data)
    return _text(data)


def _real_time_request(data: bytes) -> tuple[int, _Command | None] | None:
    if data.startswith(protocol.DLE_EOT):
        return (3, None) if len(data) >= 3 else None
    if data.startswith(protocol.DLE_DC4_CLEAR):
        return len(protocol.DLE_DC4_CLEAR), None
    starts = data == b"\x10" or protocol.DLE_DC4_CLEAR.startswith(data)
    return None if starts else (1, _Feed(0))


def _escape(data: bytes) -> tuple[int, _Command | None] | None:
    if len(data) < 2:
        return None
    if data[1:2] == b"@":
        return 2, _Initialise()
    if data[1:2] not in (b"d", b"J"):
        return 2, _Feed(0)
    if len(data) < 3:
        return None
    return 3, _Feed(data[2] * LINE_ROWS if data[1:2] == b"d" else data[2])


def _group(data: bytes) -> tuple[int, _Command | None] | None:
    """GS v 0 m xL xH yL yH d..., GS V m [n], GS r n."""
    if len(data) < 3:
        return None
    name, mode = data[1:2], data[2]
    if name == b"r":
        return 3, _StatusInTurn()
    if name == b"V" and mode in (65, 66):
        return (4, _Cut(data[3])) if len(data) >= 4 else None
    if name == b"V":
        return 3, _Cut(0)
    if data[1:3] != b"v0":
        return 2, _Feed(0)
    if len(data) < 8:
        return None
    row_bytes, height = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")
    end = 8 + row_bytes * height
    return (end, _Raster(max(1, row_bytes), data[8:end])) if len(data) >= end else None


def _text(data: bytes) -> tuple[int, _Command | None] | None:
    if not data:
        return None
    if data[0] < 0x20:
        return 1, _Feed(LINE_ROWS if data[0] == 0x0A else 0)
    end = next((index for index, byte in enumerate(data) if byte < 0x20), None)
    return None if end is None else (end, _Text(data[:end].decode("cp437")))
