"""The inside of the virtual printer: ESC/POS bytes in, answers and cut receipts out. No I/O, no clock.

It keeps the real thing's rules: real-time requests are answered at once in any state; everything else waits in the
buffer while the printer is stopped, and goes on when the cause is gone; what is printed is on the paper until it is
cut or torn off.

>>> machine = PrinterMachine(width_dots=384)
>>> machine.feed(bytes.fromhex("10 04 01")).hex()
'12'
"""

from collections import deque
from dataclasses import dataclass

from PIL import Image

from drivers.printer import protocol
from sim.printer.escpos_parser import (
    Command,
    Cut,
    FeedPaper,
    Initialise,
    LineFeed,
    PrintCode128,
    PrintQr,
    PrintRaster,
    PrintText,
    SetMode,
    StatusInTurn,
    next_command,
)
from sim.printer.typesetter import LINE_ROWS, Typesetter


@dataclass(frozen=True, slots=True)
class PrinterFaults:
    """Faults of the printer. All of them set in once `after_rows` more rows have been printed; a cut is a row."""

    out_of_paper: bool = False
    paper_low: bool = False
    cover_open: bool = False
    cutter: bool = False
    """With `after_rows` it is found at the cut, without it has been found before."""
    offline: bool = False
    mute: bool = False
    """It takes what is sent, prints nothing and answers nothing."""
    silent: bool = False
    """It prints what is sent, but nobody hears its answers."""
    hang_up: bool = False
    """It ends the connection."""
    after_rows: int = 0


class PrinterMachine:
    """One printer. `faults` may be set at any time; `take_receipts()` gives what was cut since the last call."""

    def __init__(self, width_dots: int, *, cutter: bool = True) -> None:
        """Without a `cutter` what is printed is torn off when the connection ends."""
        self.width_dots = width_dots
        self._cutter = cutter
        self._typesetter = Typesetter(width_dots)
        self._faults = PrinterFaults()
        self._rows_since = 0
        self._input = bytearray()
        self._waiting: deque[Command] = deque()
        self._paper = bytearray()
        self._cutter_found_stuck = False
        self._receipts: list[Image.Image] = []

    @property
    def faults(self) -> PrinterFaults:
        """Faults that the printer has now, or is going to have."""
        return self._faults

    def set_faults(self, faults: PrinterFaults) -> bytes:
        """Break or mend the printer; returns answers that were waiting. Whoever mends it tears off what hangs out."""
        mended = self._stopped() and not _stops(faults)
        self._faults = faults
        self._rows_since = 0
        self._cutter_found_stuck = faults.cutter and not faults.after_rows
        if mended:
            self._paper.clear()
        return self._work()

    @property
    def hung_up(self) -> bool:
        """True once the connection must end."""
        return self._faults.hang_up and self._set_in()

    @property
    def rows_printed(self) -> int:
        """Rows since it was last broken or mended."""
        return self._rows_since

    @property
    def idle(self) -> bool:
        """True while all that it was sent has been carried out."""
        return not self._waiting

    def take_receipts(self) -> list[Image.Image]:
        """Cut receipts, oldest first, mode 1, and forget them."""
        receipts, self._receipts = self._receipts, []
        return receipts

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the line, and return the answer."""
        if self.hung_up or self._mute():
            return b""
        self._input += data
        return self._work()

    def line_ended(self) -> None:
        """The connection is gone, and half a command with it; commands that are complete stay in the buffer."""
        self._input.clear()
        if not self._cutter and not self._waiting and not self._halted():
            self._tear_off()

    def _work(self) -> bytes:
        answer = bytearray()
        while taken := next_command(bytes(self._input)):
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
                case PrintRaster(row_bytes, rows):
                    self._raster(row_bytes, rows)
                case Cut(feed_rows):
                    self._blank(feed_rows)
                    self._cut()
                case StatusInTurn():
                    answer += self._real_time_answer(self._in_turn())
                case command:
                    self._set_type(command)
        return bytes(answer)

    def _set_type(self, command: Command) -> None:
        """Carry out a command that concerns the printer's own letters and codes."""
        types = self._typesetter
        match command:
            case SetMode():
                types.set(command)
            case Initialise():
                types.reset()
            case PrintText(data):
                self._rows(types.text(data))
            case LineFeed():
                self._rows(types.line())
            case FeedPaper(rows, lines):
                if types.in_line:  # the line first; the rest of the feed waits where that is stopped half way
                    self._waiting.appendleft(FeedPaper(rows, max(0, lines - 1)))
                    self._rows(types.line())
                else:
                    self._blank(rows + LINE_ROWS * lines)
            case PrintQr():
                self._rows(types.qr())
            case PrintCode128(data):
                self._rows(types.code128(data))

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
            self._typesetter.reset()
            return b""
        return self._real_time_answer(protocol.FIXED_BITS | self._status_bits(request[2]))

    def _real_time_answer(self, answer: int) -> bytes:
        return b"" if self._faults.silent and self._set_in() else bytes((answer,))

    def _status_bits(self, status_kind: int) -> int:
        now = self._faults if self._set_in() else PrinterFaults()
        bits = {
            protocol.PRINTER: protocol.IS_OFFLINE * self._stopped(),
            protocol.OFFLINE_CAUSE: protocol.COVER_IS_OPEN * now.cover_open
            | protocol.STOPPED_BY_PAPER_END * now.out_of_paper
            | protocol.HAS_ERROR * self._cutter_found_stuck,
            protocol.ERROR_CAUSE: protocol.CUTTER_ERROR * self._cutter_found_stuck,
            protocol.PAPER: protocol.PAPER_END * now.out_of_paper
            | protocol.NEAR_END * (now.paper_low or now.out_of_paper),
        }
        return bits.get(status_kind, 0)

    def _in_turn(self) -> int:
        return 0x03 if self._faults.paper_low and self._set_in() else 0x00

    # Paper

    def _raster(self, row_bytes: int, rows: bytes) -> None:
        width = self.width_dots // 8
        for start in range(0, len(rows), row_bytes):
            if self._halted():
                self._waiting.appendleft(PrintRaster(row_bytes, rows[start:]))
                return
            self._paper += rows[start : start + row_bytes][:width].ljust(width, b"\0")
            self._rows_since += 1

    def _blank(self, rows: int) -> None:
        self._paper += bytes(rows * (self.width_dots // 8))
        self._rows_since += rows

    def _rows(self, rows: bytes) -> None:
        self._raster(self.width_dots // 8, rows)

    def _cut(self) -> None:
        if not self._cutter:
            return
        if self._stopped():
            self._waiting.appendleft(Cut(0))
            return
        if self._faults.cutter:
            self._cutter_found_stuck = True
            return
        self._tear_off()
        self._rows_since += 1

    def _tear_off(self) -> None:
        height = len(self._paper) // (self.width_dots // 8)
        if height:
            printed = Image.frombytes("1", (self.width_dots, height), bytes(self._paper))
            self._receipts.append(printed.point(lambda dot: 255 - dot))
        self._paper.clear()


def _stops(faults: PrinterFaults) -> bool:
    return faults.out_of_paper or faults.cover_open or faults.offline
