"""ESC/POS commands and status bytes that driver and virtual printer share. No I/O.

The real-time status DLE EOT n is answered at once, in any state; GS r 1 is answered in its turn, when all that was
sent before has been carried out, and so proves that a band or the cut has been reached. The fixed bits tell the two
answers apart (Epson, ESC/POS command reference, DLE EOT and GS r).

>>> decode_status(StatusBytes(online=0x12, offline_cause=0x12, error_cause=None, paper=0x72))
OutOfPaper()
"""

from dataclasses import dataclass

from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterStatus, Ready

DLE_EOT = b"\x10\x04"
"""Real-time status, followed by n: 1 printer, 2 cause of offline, 3 cause of error, 4 paper sensors."""
DLE_DC4_CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
"""Real-time request 8: clear all buffers, so that half a receipt does not come out of the next roll."""
INITIALISE = b"\x1b@"
GS_R_PAPER = b"\x1dr\x01"
"""Status in its turn: answered once everything before it has been carried out."""

LINE_FEED = b"\n"
SELECT_CODE_PAGE = b"\x1bt"
"""Followed by the printer's number of the code page."""
STRONG, NOT_STRONG = b"\x1bE\x01", b"\x1bE\x00"
TALL, NOT_TALL = b"\x1d!\x01", b"\x1d!\x00"
CENTRE, LEFT = b"\x1ba\x01", b"\x1ba\x00"
FEED_DOTS = b"\x1bJ"
"""Print the line and feed; followed by so many rows of dots, at most 255."""
CODE_PAGES = {0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 16: "cp1252", 18: "cp852", 19: "cp858"}
"""Numbers of ESC t that most printers agree on (Epson, character code tables), with Python's names."""

PRINTER, OFFLINE_CAUSE, ERROR_CAUSE, PAPER = 1, 2, 3, 4

FIXED_MASK, FIXED_BITS = 0x93, 0x12
"""Every answer to DLE EOT has bits 1 and 4 set, 0 and 7 clear."""
IN_TURN_MASK = 0x90
"""The answer to GS r has bits 4 and 7 clear."""

IS_OFFLINE = 0x08
COVER_IS_OPEN = 0x04
STOPPED_BY_PAPER_END = 0x20
HAS_ERROR = 0x40
CUTTER_ERROR = 0x08
NEAR_END = 0x0C
PAPER_END = 0x60


@dataclass(frozen=True, slots=True)
class StatusBytes:
    """The answers to DLE EOT 1, 2, 3 (asked only where 2 names an error) and 4."""

    online: int
    offline_cause: int
    error_cause: int | None
    paper: int


def is_real_time(answer: int) -> bool:
    """Return whether this byte answers DLE EOT."""
    return answer & FIXED_MASK == FIXED_BITS


def is_in_turn(answer: int) -> bool:
    """Return whether this byte answers GS r."""
    return answer & IN_TURN_MASK == 0


def decode_status(answers: StatusBytes) -> PrinterStatus:
    """Return what the printer says, the most telling reason first."""
    if answers.offline_cause & COVER_IS_OPEN:
        return CoverOpen()
    if answers.paper & PAPER_END or answers.offline_cause & STOPPED_BY_PAPER_END:
        return OutOfPaper()
    if answers.error_cause is not None and answers.error_cause & CUTTER_ERROR:
        return CutterFault()
    if answers.online & IS_OFFLINE or answers.offline_cause & HAS_ERROR:
        return Offline()
    return Ready(paper_low=bool(answers.paper & NEAR_END))
