"""The ESC/POS receipt printer, by network, USB, serial line or device file. Alone imports python-escpos.

Rules: the receipt goes as a picture in bands, each fenced by a status request that is answered in its turn, so that
the printer is never more than two bands behind and the answer after the cut proves that all is on paper. No method
raises; blocking calls run in a thread of the printer's own and end by a time limit.

>>> printer = EscPosPrinter("kvitto", NetworkConnection("printer.example"))
>>> printer.virtual
False
"""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from escpos.capabilities import Profile
from escpos.escpos import Escpos
from escpos.exceptions import Error as EscposError
from escpos.printer import File, Network, Serial, Usb
from PIL import Image

from drivers.printer import protocol
from drivers.printer.connections import Connection, FileConnection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.devicefile import DeviceFile
from drivers.printer.document import Document
from drivers.printer.layout import WIDTH_DOTS, render, to_dots
from drivers.printer.port import Mute, NotPrinted, Printed, PrinterStatus, PrintOutcome, PrintUnknown, Ready
from drivers.printer.protocol import StatusBytes

BAND_ROWS = 64
BANDS_AHEAD = 2
"""So many bands may be sent that the printer has not yet reported as reached."""
_FAULTS = (OSError, EscposError, RuntimeError, ValueError)
"""What python-escpos and the libraries below it raise: line faults, no device, a missing USB or serial library."""

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
        self._print_limit_s = print_limit_s
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
            with _open(self._connection, self._width_dots, self._reply_timeout_s) as line:
                return line.status()
        except _FAULTS as fault:
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
            with _open(self._connection, self._width_dots, self._reply_timeout_s) as line:
                return self._print(line, dots)
        except _FAULTS as fault:
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

    def __init__(self, device: Escpos) -> None:
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
        received = _read(self._device)
        for answer in received:
            if protocol.is_real_time(answer):
                self._answers.append(answer)
            elif protocol.is_in_turn(answer) and self._fences:
                self._fences -= 1
        return bool(received)


def _read(device: Escpos) -> bytes:
    try:
        return bytes(device._read())
    except TimeoutError:
        return b""
    except OSError as fault:
        if fault.errno == errno.ETIMEDOUT:  # pyusb reports a time-out so
            return b""
        raise


@contextlib.contextmanager
def _open(connection: Connection, width_dots: int, timeout_s: float) -> Iterator[_Line]:
    device = _device(connection, width_dots, timeout_s)
    device.open()
    try:
        yield _Line(device)
    finally:
        with contextlib.suppress(*_FAULTS):
            device.close()


def _device(connection: Connection, width_dots: int, timeout_s: float) -> Escpos:
    # The library cuts only where the profile says that the printer can, and silently does not where it says nothing.
    profile = Profile(features={"paperPartCut": True, "paperFullCut": True})
    # The width is ours to say; without it the library complains on standard output.
    profile.profile_data = {**profile.profile_data, "media": {"width": {"pixels": width_dots}}}
    match connection:
        case NetworkConnection(host, port):
            return _TcpDevice(host, port, timeout=timeout_s, profile=profile)
        case UsbConnection(vendor, product, in_endpoint, out_endpoint):
            # pyusb counts in milliseconds
            return _UsbDevice(vendor, product, {}, round(timeout_s * 1000), in_endpoint, out_endpoint, profile=profile)
        case SerialConnection(path, baudrate):
            return _SerialDevice(path, baudrate, timeout=timeout_s, profile=profile)
        case FileConnection(path):
            return _FileDevice(path, timeout_s, profile=profile)


class _TcpDevice(Network):  # type: ignore[misc]
    """As the library's, but a name may have an IPv6 address, no socket is left open, and a closed line is a fault."""

    def open(self, raise_not_found: bool = True) -> None:
        self.device = socket.create_connection((self.host, self.port), self.timeout)

    def _read(self) -> bytes:
        received = super()._read()
        if not received:
            raise ConnectionResetError(errno.ECONNRESET, "the printer closed the line")
        return bytes(received)


class _UsbDevice(Usb):  # type: ignore[misc]
    """As the library's, but one that was never opened may be closed, also where no USB library is there."""

    def close(self) -> None:
        if self._device:
            super().close()


class _SerialDevice(Serial):  # type: ignore[misc]
    """As the library's, but a write also ends by time: flow control may hold it for ever."""

    def open(self, raise_not_found: bool = True) -> None:
        super().open(raise_not_found)
        self.device.write_timeout = max(self.timeout, 5)


class _FileDevice(File):  # type: ignore[misc]
    """As the library's, but both ways, unbuffered, and each wait ends by time."""

    def __init__(self, path: str, timeout_s: float, **more: Any) -> None:
        super().__init__(path, **more)
        self._both_ways = DeviceFile(path, timeout_s)

    def open(self, raise_not_found: bool = True) -> None:
        self._both_ways.open()

    def _raw(self, msg: bytes) -> None:
        self._both_ways.write(msg)

    def _read(self) -> bytes:
        return self._both_ways.read()

    def close(self) -> None:
        self._both_ways.close()
