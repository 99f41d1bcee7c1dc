"""Serial link to the cabinet's board. Alone imports pyserial and pyserial-asyncio-fast.

Rules: bytes come and go as they are; a line that broke is told once; closing waits for nothing that the board has not read.

    line = await connect("/dev/ttyACM0", received=core.feed, lost=on_lost)
    line.write(frame)
    await line.close()
"""

import asyncio
import errno
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

import serial_asyncio_fast
from serial.tools import list_ports

from drivers.cabinet.usb_ids import PICO, UsbSerialId

CLOSE_LIMIT_S = 2.0
GONE = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
"""What opening the port of a board says that was unplugged."""


class SerialLineError(Exception):
    """The port cannot be opened. `missing` where there is no such port."""

    def __init__(self, port: str, reason: str, *, missing: bool) -> None:
        super().__init__(f"{port}: {reason}")
        self.port = port
        self.reason = reason
        self.missing = missing


@dataclass(frozen=True, slots=True)
class FoundBoard:
    """A board on the USB: the port that the system gave it, and its own number."""

    port: str
    serial_number: str


def boards(listed: Collection[UsbSerialId] = (PICO,)) -> tuple[FoundBoard, ...]:
    """All boards that the table lists and that are connected now, by port."""
    connected = (FoundBoard(port.device, port.serial_number or "") for port in list_ports.comports()
             if any(usb.matches(port.vid, port.pid, port.serial_number or "") for usb in listed))  # fmt: skip
    return tuple(sorted(connected, key=lambda board: board.port))


class SerialLine(asyncio.Protocol):
    """One open line. `received` gets what comes, `lost` is called once when it has ended, also by `close`."""

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._received = received
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._ended.done():
            self._ended.set_result(None)
            self._lost()

    def write(self, data: bytes) -> None:
        """Send; what cannot be sent any more is dropped, and `lost` has told or will tell."""
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        """End the line at once; a system that does not let go of it in time is left alone with it."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()
        await asyncio.wait([self._ended], timeout=CLOSE_LIMIT_S)


async def connect(port: str, *, received: Callable[[bytes], None], lost: Callable[[], None]) -> SerialLine:
    """Open the port for this program alone. Raises SerialLineError."""
    try:
        transport, line = await serial_asyncio_fast.create_serial_connection(
            asyncio.get_running_loop(), lambda: SerialLine(received, lost), port, exclusive=True
        )
    except (OSError, ValueError) as error:  # SerialException is an OSError
        number = error.errno if isinstance(error, OSError) else None
        raise SerialLineError(port, os.strerror(number) if number else str(error), missing=number in GONE) from None
    assert isinstance(line, SerialLine)
    line.connection_made(transport)  # the library tells it only in the loop's next round
    return line
