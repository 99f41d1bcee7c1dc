"""ESC/POS receipt printer driver, by network, USB, serial line or device file.

Rules: the receipt goes in short steps, each fenced by a status request that is answered in its turn, so that the
printer is never more than two steps behind, always has room for a question, and the answer after the cut proves that
all is on paper. No method raises; blocking calls run in a thread of the printer's own and end by a time limit.

>>> printer = EscPosPrinter("kvitto", NetworkConnection("printer.example"))
>>> printer.virtual
False
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from drivers.printer import profile as profiles
from drivers.printer import protocol, transports
from drivers.printer.connections import Connection, NetworkConnection
from drivers.printer.document import Document
from drivers.printer.encode import LayoutError, encode
from drivers.printer.port import (
    NotLaidOut,
    NotPrinted,
    Printed,
    PrinterMute,
    PrinterStatus,
    PrintOutcome,
    PrintUnknown,
    Ready,
)
from drivers.printer.profile import PrinterProfile
from drivers.printer.protocol import StatusBytes

STEPS_AHEAD = 1
"""So many steps may be sent that the printer has not yet reported as reached."""
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
        profile: PrinterProfile | None = None,
        virtual: bool = False,
        reply_timeout_s: float = 1.0,
        print_limit_s: float = 20.0,
    ) -> None:
        """`profile`: of the model; by default 80 mm, all as pictures. `virtual`: a virtual printer is at the other end."""
        self.name = name
        self.virtual = virtual
        self._connection = connection
        self._profile = profile or profiles.load_printer_profile(profiles.DEFAULTS[80])
        self._reply_timeout_s = reply_timeout_s
        self._print_limit_s = print_limit_s + transports.transfer_s(connection, LONGEST_ROWS * self._profile.dots // 8)
        self._job: _Job | None = None
        self._doubt = not isinstance(connection, NetworkConnection)
        """Whether answers of a print before may still come: also of another process, where nothing ends with it."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"printer-{name}")

    async def status(self) -> PrinterStatus:
        """Ask the printer (DLE EOT). Never raises: one that does not answer is PrinterMute.

        While it prints, what it said last: the line is the print's.
        """
        if self._job is not None:
            return self._job.seen
        limit_s = 6 * self._reply_timeout_s
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._ask_status)
        try:
            return await asyncio.wait_for(running, limit_s)
        except TimeoutError:
            printing = self._job  # one that began after the question was put
            return PrinterMute() if printing is None else printing.seen

    async def print(self, document: Document) -> PrintOutcome:
        """Print and cut one document. Never raises; see `drivers.printer.port` for what each outcome says."""
        deadline = time.monotonic() + self._print_limit_s
        job = _Job(self._connection, self._profile, self._reply_timeout_s, deadline, self._doubt)
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._run, job, document)
        try:
            return await asyncio.wait_for(running, self._print_limit_s + 6 * self._reply_timeout_s)
        except TimeoutError:
            # A job that has not begun by its deadline never begins.
            return PrintUnknown() if job.begun else NotPrinted(PrinterMute())

    def close(self) -> None:
        """Let the thread end. Prints that wait are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: "_Job", document: Document) -> PrintOutcome:
        self._job = job
        try:
            outcome = job.run(document)
            self._doubt = not isinstance(outcome, Printed)
            return outcome
        finally:
            self._job = None

    def _ask_status(self) -> PrinterStatus:
        try:
            with transports.open_transport(self._connection, self._reply_timeout_s) as device:
                return _Line(device).status()
        except transports.FAULTS as fault:
            log.info("printer %s does not answer: %s", self.name, type(fault).__name__)
            return PrinterMute()


class _Job:
    """One print, run in the printer's thread."""

    def __init__(
        self, connection: Connection, profile: PrinterProfile, reply_timeout_s: float, deadline: float, doubt: bool
    ) -> None:
        self._connection = connection
        self._profile = profile
        self._reply_timeout_s = reply_timeout_s
        self._deadline = deadline
        self._doubt = doubt
        self.begun = False
        """Whether anything may have reached the paper."""
        self.seen: PrinterStatus = Ready()
        """What the printer said of itself last."""

    def run(self, document: Document) -> PrintOutcome:
        try:
            steps = encode(document, self._profile)
        except LayoutError as fault:
            log.error("%s", fault)
            return NotLaidOut(fault.why)
        try:
            with transports.open_transport(self._connection, self._reply_timeout_s) as device:
                return self._print(_Line(device), steps)
        except transports.FAULTS as fault:
            log.warning("print broke off: %s", type(fault).__name__)
            return PrintUnknown() if self.begun else NotPrinted(PrinterMute())

    def _print(self, line: "_Line", steps: tuple[bytes, ...]) -> PrintOutcome:
        self.seen = line.status()
        if not isinstance(self.seen, Ready):
            return NotPrinted(self.seen)
        if self._doubt:
            self.seen = line.settle(self._deadline) or self.seen
        if time.monotonic() > self._deadline or not isinstance(self.seen, Ready):
            return NotPrinted(PrinterMute() if isinstance(self.seen, Ready) else self.seen)
        self.begun = True
        for step in steps[:-1]:
            line.step(step)
            stopped = line.catch_up(STEPS_AHEAD, self._deadline)
            if stopped is not None:
                return self._given_up(line, stopped)
        stopped = line.catch_up(0, self._deadline)
        return self._cut(line, steps[-1]) if stopped is None else self._given_up(line, stopped)

    def _given_up(self, line: "_Line", stopped: PrinterStatus) -> PrintOutcome:
        """Stopped before the cut was sent: half a receipt at most."""
        self.seen = stopped
        if isinstance(stopped, PrinterMute):
            return PrintUnknown()
        line.clear()
        return NotPrinted(stopped)

    def _cut(self, line: "_Line", cut: bytes) -> PrintOutcome:
        """All is on paper. What stops the printer now may have stopped it before the cut or after: a look will tell."""
        line.step(cut)
        self.seen = line.catch_up(0, self._deadline) or line.status()
        return Printed() if isinstance(self.seen, Ready) else PrintUnknown()


class _Line:
    """An open connection: requests, answers, and fences that are still out."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._fences = 0
        self._answers: list[int] = []

    def status(self) -> PrinterStatus:
        """DLE EOT 1, 2, 4, and 3 where 2 names an error. PrinterMute where an answer fails to come in time."""
        online = self._ask(protocol.PRINTER)
        if online is None:
            return PrinterMute()
        cause = self._ask(protocol.OFFLINE_CAUSE)
        error = self._ask(protocol.ERROR_CAUSE) if cause is not None and cause & protocol.HAS_ERROR else None
        paper = self._ask(protocol.PAPER)
        if cause is None or paper is None:
            return PrinterMute()
        return protocol.decode_status(StatusBytes(online, cause, error, paper))

    def settle(self, deadline: float) -> PrinterStatus | None:
        """Wait for answers that a print before may be owed, so that none is taken for one of this print.

        The printer answers in turn: once it is silent after a fence, nothing older can come. As `catch_up`.
        """
        self.step(b"")
        stopped = self.catch_up(0, deadline)
        while stopped is None and self._receive():
            self._answers.clear()
        return stopped

    def step(self, data: bytes) -> None:
        """Send one step and a fence after it."""
        transports.send(self._device, data + protocol.GS_R_PAPER)
        self._fences += 1

    def catch_up(self, ahead: int, deadline: float) -> PrinterStatus | None:
        """Wait until at most `ahead` fences are out: None. Else what keeps it; Mute also where the time is up."""
        while self._fences > ahead:
            if time.monotonic() > deadline:
                return PrinterMute()
            if self._receive():
                self._answers.clear()
                continue
            now = self.status()
            if self._fences > ahead and not isinstance(now, Ready):
                return now
        return None

    def clear(self) -> None:
        """Have the printer forget what it was sent and has not printed."""
        transports.send(self._device, protocol.DLE_DC4_CLEAR)

    def _ask(self, status_kind: int) -> int | None:
        self._answers.clear()
        transports.send(self._device, protocol.DLE_EOT + bytes((status_kind,)))
        while not self._answers:
            if not self._receive():
                return None
        return self._answers.pop(0)

    def _receive(self) -> bool:
        """Take what has come; False where nothing came in time."""
        received = transports.receive(self._device)
        for answer in received:
            if protocol.is_real_time(answer):
                self._answers.append(answer)
            elif protocol.is_in_turn(answer) and self._fences:
                self._fences -= 1
        return bool(received)
