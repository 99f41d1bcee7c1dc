"""The ESC/POS receipt printer, by network, USB, serial line or device file.

Rules: the receipt goes as a picture in bands, each fenced by a status request that is answered in its turn, so that
the printer is never more than two bands behind and the answer after the cut proves that all is on paper. No method
raises; blocking calls run in a thread of the printer's own and end by a time limit.

>>> printer = EscPosPrinter("kvitto", NetworkConnection("printer.example"))
>>> printer.virtual
False
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

from drivers.printer import protocol, transports
from drivers.printer.connections import Connection
from drivers.printer.document import Document
from drivers.printer.layout import WIDTH_DOTS, render, to_dots
from drivers.printer.port import Mute, NotPrinted, Printed, PrinterStatus, PrintOutcome, PrintUnknown, Ready
from drivers.printer.protocol import StatusBytes

BAND_ROWS = 64
BANDS_AHEAD = 2
"""So many bands may be sent that the printer has not yet reported as reached."""
LONGEST_ROWS = 2400
"""Of a receipt: 30 cm of paper. A serial line gets the time on top that it needs to carry so many."""

log = logging.getLogger(__name__)


class EscPosPrinter:
    """Implements `drivers.printer.port.Printer`."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        *,
        width_mm: int = 80,
        virtual: bool = False,
        reply_timeout_s: float = 1.0,
        print_limit_s: float = 20.0,
    ) -> None:
        """`width_mm` is 80 or 58. `virtual` says that a virtual printer listens at the other end."""
        self.name = name
        self.virtual = virtual
        self._connection = connection
        self._width_dots = WIDTH_DOTS[width_mm]
        self._reply_timeout_s = reply_timeout_s
        self._print_limit_s = print_limit_s + transports.transfer_s(connection, LONGEST_ROWS * self._width_dots // 8)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"printer-{name}")

    async def status(self) -> PrinterStatus:
        """Ask the printer (DLE EOT). Never raises: one that does not answer is Mute."""
        limit_s = 6 * self._reply_timeout_s
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._ask_status)
        try:
            return await asyncio.wait_for(running, limit_s)
        except TimeoutError:
            return Mute()

    async def print(self, document: Document) -> PrintOutcome:
        """Print and cut one document. Never raises; see `drivers.printer.port` for what each outcome says."""
        job = _Job(self._connection, self._width_dots, self._reply_timeout_s, time.monotonic() + self._print_limit_s)
        running = asyncio.get_running_loop().run_in_executor(self._thread, job.run, document)
        try:
            return await asyncio.wait_for(running, self._print_limit_s + 6 * self._reply_timeout_s)
        except TimeoutError:
            # A job that has not begun by its deadline never begins.
            return PrintUnknown() if job.begun else NotPrinted(Mute())

    def close(self) -> None:
        """Let the thread end. Prints that wait are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask_status(self) -> PrinterStatus:
        try:
            with transports.opened(self._connection, self._width_dots, self._reply_timeout_s) as device:
                return _Line(device).status()
        except transports.FAULTS as fault:
            log.info("printer %s does not answer: %s", self.name, type(fault).__name__)
            return Mute()


class _Job:
    """One print, run in the printer's thread."""

    def __init__(self, connection: Connection, width_dots: int, reply_timeout_s: float, deadline: float) -> None:
        self._connection = connection
        self._width_dots = width_dots
        self._reply_timeout_s = reply_timeout_s
        self._deadline = deadline
        self.begun = False
        """Whether anything may have reached the paper."""

    def run(self, document: Document) -> PrintOutcome:
        try:
            dots = to_dots(render(document, self._width_dots))
            with transports.opened(self._connection, self._width_dots, self._reply_timeout_s) as device:
                return self._print(_Line(device), dots)
        except transports.FAULTS as fault:
            log.warning("print broke off: %s", type(fault).__name__)
            return PrintUnknown() if self.begun else NotPrinted(Mute())

    def _print(self, line: "_Line", dots: Image.Image) -> PrintOutcome:
        before = line.status()
        if not isinstance(before, Ready):
            return NotPrinted(before)
        if time.monotonic() > self._deadline:
            return NotPrinted(Mute())
        self.begun = True
        line.begin()
        for top in range(0, dots.height, BAND_ROWS):
            line.band(dots.crop((0, top, dots.width, min(top + BAND_ROWS, dots.height))))
            stopped = line.catch_up(BANDS_AHEAD, self._deadline)
            if stopped is not None:
                return stopped
        line.cut()
        return line.catch_up(0, self._deadline) or self._after(line)

    @staticmethod
    def _after(line: "_Line") -> PrintOutcome:
        after = line.status()
        if isinstance(after, Ready):
            return Printed()
        return PrintUnknown() if isinstance(after, Mute) else NotPrinted(after)


class _Line:
    """An open connection: requests, answers, and fences that are still out."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._fences = 0
        self._answers: list[int] = []

    def status(self) -> PrinterStatus:
        """DLE EOT 1, 2, 4, and 3 where 2 names an error. Mute where an answer fails to come in time."""
        online = self._ask(protocol.PRINTER)
        if online is None:
            return Mute()
        cause = self._ask(protocol.OFFLINE_CAUSE)
        error = self._ask(protocol.ERROR_CAUSE) if cause is not None and cause & protocol.HAS_ERROR else None
        paper = self._ask(protocol.PAPER)
        if cause is None or paper is None:
            return Mute()
        return protocol.decode_status(StatusBytes(online, cause, error, paper))

    def begin(self) -> None:
        self._device.hw("INIT")

    def band(self, dots: Image.Image) -> None:
        self._device.image(dots, impl="bitImageRaster", fragment_height=BAND_ROWS)
        self._fence()

    def cut(self) -> None:
        self._device.cut(mode="PART")
        self._fence()

    def catch_up(self, ahead: int, deadline: float) -> PrintOutcome | None:
        """Wait until at most `ahead` fences are out; None, or how the print ended instead."""
        while self._fences > ahead:
            if time.monotonic() > deadline:
                return PrintUnknown()
            if self._receive():
                self._answers.clear()
                continue
            now = self.status()
            if isinstance(now, Mute):
                return PrintUnknown()
            if not isinstance(now, Ready):
                self._device._raw(protocol.DLE_DC4_CLEAR)
                return NotPrinted(now)
        return None

    def _fence(self) -> None:
        self._device._raw(protocol.GS_R_PAPER)
        self._fences += 1

    def _ask(self, what: int) -> int | None:
        self._answers.clear()
        self._device._raw(protocol.DLE_EOT + bytes((what,)))
        while not self._answers:
            if not self._receive():
                return None
        return self._answers.pop(0)

    def _receive(self) -> bool:
        """Take what has come; False where nothing came in time."""
        received = transports.received(self._device)
        for answer in received:
            if protocol.is_real_time(answer):
                self._answers.append(answer)
            elif protocol.is_in_turn(answer) and self._fences:
                self._fences -= 1
        return bool(received)
