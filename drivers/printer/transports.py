"""Transports to a receipt printer: network, USB, serial, device file. Alone imports python-escpos.

Rules: every wait ends by time; a line that broke is a fault, never an empty answer; nothing that the library does on
being imported stays behind. What it knows of printers is not read: our own profiles say what a model can do, and reading
its list would take longer than all else that a station imports.
"""

import contextlib
import errno
import logging
import os
import select
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from PIL import Image

from drivers.printer.connections import Connection, FileConnection, NetworkConnection, SerialConnection, UsbConnection

WRITE_TIMEOUT_S = 5.0
"""So long a printer may take nothing, while it prints what it has."""


class DeviceFile:
    """One device file; closed until `open`."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._handle = -1

    def open(self) -> None:
        """Raises OSError."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError, TimeoutError where the device takes no more."""
        left = memoryview(data)
        while left:
            if not select.select([], [self._handle], [], WRITE_TIMEOUT_S)[1]:
                raise TimeoutError(errno.ETIMEDOUT, "the device takes no more")
            left = left[os.write(self._handle, left) :]

    def read(self) -> bytes:
        """Read what has come, at most 16 bytes; nothing after the time limit. Raises OSError."""
        if not select.select([self._handle], [], [], self._timeout_s)[0]:
            return b""
        return os.read(self._handle, 16)

    def close(self) -> None:
        """Close; a second time does nothing."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


_CAPABILITIES, _KEPT = "ESCPOS_CAPABILITIES_FILE", "ESCPOS_CAPABILITIES_PICKLE_DIR"
"""Where the library looks for its list of printers, and where it keeps a copy that is quicker to read."""


@contextlib.contextmanager
def _import_cleanly() -> Iterator[None]:
    # The library sets up a root logger that has no handler, and leaves a new folder among the temporary files.
    quiet, named = logging.NullHandler(), {name: os.environ.pop(name, None) for name in (_CAPABILITIES, _KEPT)}
    logging.root.addHandler(quiet)
    os.environ[_CAPABILITIES] = str(Path(__file__).parent / "assets" / "capabilities.json")
    try:
        yield
    finally:
        logging.root.removeHandler(quiet)
        del os.environ[_CAPABILITIES]
        os.environ.update({name: value for name, value in named.items() if value is not None})


with _import_cleanly():
    from escpos.capabilities import Profile, pickle_dir
    from escpos.constants import QR_ECLEVEL_M
    from escpos.escpos import Escpos
    from escpos.exceptions import Error as EscposError
    from escpos.printer import Dummy, File, Network, Serial, Usb

shutil.rmtree(pickle_dir, ignore_errors=True)

FAULTS = (OSError, EscposError, RuntimeError, ValueError)
"""What python-escpos and the libraries below it raise: line faults, no device, a missing USB or serial library."""

USB_PRINTER_CLASS, USB_BULK, USB_TRANSFER_MASK, USB_IN = 0x07, 0x02, 0x03, 0x80
"""USB: class of an interface; type of an endpoint; bit of its address that says that it speaks to the host."""
USB_PACKET_BYTES, USB_WRITE_BYTES = 64, 4096
BITS_PER_BYTE_ON_A_LINE = 10
"""Start bit, eight of data, stop bit."""


@contextlib.contextmanager
def open_transport(connection: Connection, timeout_s: float) -> Iterator[Escpos]:
    """The device at the other end, closed at the end. Raises one of FAULTS where it cannot be reached."""
    device = _device(connection, timeout_s)
    device.open()
    try:
        yield device
    finally:
        with contextlib.suppress(*FAULTS):
            device.close()


def send(device: Escpos, data: bytes) -> None:
    """Write all of it. Raises one of FAULTS."""
    device._raw(data)


def receive(device: Escpos) -> bytes:
    """Read what has come; nothing where nothing came in time. Raises one of FAULTS."""
    try:
        return bytes(device._read())
    except TimeoutError:
        return b""
    except OSError as fault:
        if fault.errno == errno.ETIMEDOUT:  # pyusb reports a time-out so
            return b""
        raise


def transfer_s(connection: Connection, size: int) -> float:
    """Return how long the line alone takes for `size` bytes; nothing worth counting but on a serial line."""
    return size * BITS_PER_BYTE_ON_A_LINE / connection.baudrate if isinstance(connection, SerialConnection) else 0.0


class Recorder:
    """The library's own commands as bytes, for a printer that is `dots` wide. Raises one of FAULTS."""

    def __init__(self, dots: int) -> None:
        # The library cuts only where the profile says that the printer can, and silently does not where it says nothing.
        profile = Profile(features={"paperPartCut": True, "paperFullCut": True, "barcodeB": True, "qrCode": True})
        # The width is ours to say; without it the library complains on standard output.
        profile.profile_data = {**profile.profile_data, "media": {"width": {"pixels": dots}}}
        self._device = Dummy(profile=profile)

    def initialise(self) -> bytes:
        """ESC @."""
        self._device.hw("INIT")
        return self._take()

    def raster(self, dots: Image.Image) -> bytes:
        """GS v 0: one picture, in one piece."""
        self._device.image(dots, impl="bitImageRaster", fragment_height=dots.height)
        return self._take()

    def qr(self, text: str, module_dots: int) -> bytes:
        """GS ( k: the printer's own QR code, model 2, error level M, without quiet zone."""
        self._device.qr(text, ec=QR_ECLEVEL_M, size=module_dots, native=True)
        return self._take()

    def code128(self, text: str, bar_dots: int, rows: int) -> bytes:
        """GS k 73: the printer's own CODE128 in code set B, centred."""
        escaped = text.replace("{", "{{")
        # Its public method tells on standard output which way it has chosen.
        self._device._hw_barcode("{B" + escaped, "CODE128", rows, bar_dots, pos="OFF", function_type="B")
        return self._take()

    def feed_lines(self, lines: int) -> bytes:
        """ESC d."""
        self._device.print_and_feed(lines)
        return self._take()

    def cut(self, mode: str) -> bytes:
        """GS V, after feeding what was printed past the cutter. `mode` is PART or FULL."""
        self._device.cut(mode=mode)
        return self._take()

    def _take(self) -> bytes:
        output = cast(bytes, self._device.output)
        self._device.clear()
        return output


def _device(connection: Connection, timeout_s: float) -> Escpos:
    match connection:
        case NetworkConnection(host, port):
            return _TcpDevice(host, port, timeout=timeout_s)
        case UsbConnection(vendor, product):
            return _UsbDevice(vendor, product, {}, round(timeout_s * 1000))  # pyusb counts in milliseconds
        case SerialConnection(path, baudrate):
            return _SerialDevice(path, baudrate, timeout=timeout_s)
        case FileConnection(path):
            return _FileDevice(path, timeout_s)


class _TcpDevice(Network):  # type: ignore[misc]
    """As the library's, but a name may have an IPv6 address, no socket is left open, and a closed line is a fault."""

    def open(self, raise_not_found: bool = True) -> None:
        self.device = socket.create_connection((self.host, self.port), self.timeout)

    def _read(self) -> bytes:
        came = super()._read()
        if not came:
            raise ConnectionResetError(errno.ECONNRESET, "the printer closed the line")
        return bytes(came)


class _UsbDevice(Usb):  # type: ignore[misc]
    """As the library's, but the printer's own endpoints are found, an answer is waited for as long as was said, a write
    that is not taken whole is a fault, and one that was never opened may be closed, also where no USB library is there."""

    def open(self, raise_not_found: bool = True) -> None:
        super().open(raise_not_found)
        number, self.in_ep, self.out_ep = _printer_in(self.device)
        # The library lets go of the first interface only, whichever that is. Where the system has no kernel drivers to let go
        # of, pyusb says NotImplementedError.
        with contextlib.suppress(NotImplementedError):
            if self.device.is_kernel_driver_active(number):
                self.device.detach_kernel_driver(number)

    def _raw(self, msg: bytes) -> None:
        left = memoryview(msg)
        while left:
            taken = self.device.write(self.out_ep, left[:USB_WRITE_BYTES].tobytes(), round(WRITE_TIMEOUT_S * 1000))
            if not taken:
                raise TimeoutError(errno.ETIMEDOUT, "the printer takes no more")
            left = left[taken:]

    def _read(self) -> bytes:
        return bytes(self.device.read(self.in_ep, USB_PACKET_BYTES, self.timeout))

    def close(self) -> None:
        if self._device:
            super().close()


def _printer_in(device: Any) -> tuple[int, int, int]:
    """Number of the printer's interface, addresses of its endpoints in and out. Raises OSError where there is none."""
    for interface in device.get_active_configuration():
        if interface.bInterfaceClass == USB_PRINTER_CLASS:
            bulk = [
                endpoint.bEndpointAddress
                for endpoint in interface
                if endpoint.bmAttributes & USB_TRANSFER_MASK == USB_BULK
            ]
            ways = {bool(address & USB_IN): address for address in bulk}
            if len(ways) == 2:
                return interface.bInterfaceNumber, ways[True], ways[False]
    raise OSError(errno.ENODEV, "no printer that answers is at this USB address")


class _SerialDevice(Serial):  # type: ignore[misc]
    """As the library's, but an answer is taken as it comes (not 16 bytes or the whole time-out), a write returns when
    the line has carried it, so that the time for an answer begins there, and closing waits for nothing."""

    def _raw(self, msg: bytes) -> None:
        limit_s = len(msg) * BITS_PER_BYTE_ON_A_LINE / self.baudrate + WRITE_TIMEOUT_S
        until = time.monotonic() + limit_s
        self.device.write_timeout = limit_s  # flow control may hold it for ever
        self.device.write(msg)
        while self.device.out_waiting:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "the printer takes no more")
            time.sleep(0.002)

    def _read(self) -> bytes:
        return bytes(self.device.read(1) + self.device.read(self.device.in_waiting))

    def close(self) -> None:
        if self._device:
            self._device.reset_output_buffer()
        super().close()


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
