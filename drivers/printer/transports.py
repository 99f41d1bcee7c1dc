"""The lines to a receipt printer: network, USB, serial, device file. Alone imports python-escpos.

Rules: every wait ends by time; a line that broke is a fault, never an empty answer; nothing that the library does on
being imported stays behind.

>>> with opened(NetworkConnection("printer.example"), width_dots=576, timeout_s=1.0) as device:  # doctest: +SKIP
...     device.hw("INIT")
"""

import contextlib
import errno
import logging
import socket
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from drivers.printer.connections import Connection, FileConnection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.devicefile import WRITE_TIMEOUT_S, DeviceFile


@contextlib.contextmanager
def _nothing_left_behind() -> Iterator[None]:
    # The library sets up the root logger, and leaves a new folder among the temporary files, when it is imported.
    handlers, folder = logging.root.handlers[:], tempfile.tempdir
    with tempfile.TemporaryDirectory() as scratch:
        tempfile.tempdir = scratch
        try:
            yield
        finally:
            tempfile.tempdir = folder
            logging.root.handlers[:] = handlers


with _nothing_left_behind():
    from escpos.capabilities import Profile
    from escpos.escpos import Escpos
    from escpos.exceptions import Error as EscposError
    from escpos.printer import File, Network, Serial, Usb

FAULTS = (OSError, EscposError, RuntimeError, ValueError)
"""What python-escpos and the libraries below it raise: line faults, no device, a missing USB or serial library."""

BITS_PER_BYTE_ON_A_LINE = 10
"""Start bit, eight of data, stop bit."""


@contextlib.contextmanager
def opened(connection: Connection, width_dots: int, timeout_s: float) -> Iterator[Escpos]:
    """The device at the other end, closed at the end. Raises one of FAULTS where it cannot be reached."""
    device = _device(connection, width_dots, timeout_s)
    device.open()
    try:
        yield device
    finally:
        with contextlib.suppress(*FAULTS):
            device.close()


def received(device: Escpos) -> bytes:
    """What has come; nothing where nothing came in time. Raises one of FAULTS."""
    try:
        return bytes(device._read())
    except TimeoutError:
        return b""
    except OSError as fault:
        if fault.errno == errno.ETIMEDOUT:  # pyusb reports a time-out so
            return b""
        raise


def transfer_s(connection: Connection, size: int) -> float:
    """How long the line alone takes for `size` bytes; nothing worth counting but on a serial line."""
    return size * BITS_PER_BYTE_ON_A_LINE / connection.baudrate if isinstance(connection, SerialConnection) else 0.0


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
        came = super()._read()
        if not came:
            raise ConnectionResetError(errno.ECONNRESET, "the printer closed the line")
        return bytes(came)


class _UsbDevice(Usb):  # type: ignore[misc]
    """As the library's, but one that was never opened may be closed, also where no USB library is there."""

    def close(self) -> None:
        if self._device:
            super().close()


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
