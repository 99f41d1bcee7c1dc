"""Which serial device is the cabinet's board: by vendor, product and serial number, never by the port that the system gave it."""

from collections.abc import Sequence

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from drivers.cabinet.port import CabinetAbsent, TwoBoards
from drivers.cabinet.port_discovery import only_port
from drivers.cabinet.serial_link import FoundBoard, boards
from drivers.cabinet.usb_ids import PICO, UsbSerialId

FTDI = UsbSerialId.parse("0403:6001")
"""QEMU's serial line on USB."""


def serial_device(port: str, vendor: int | None, product: int | None, serial: str | None) -> ListPortInfo:
    found = ListPortInfo(port)
    found.vid, found.pid, found.serial_number = vendor, product, serial
    return found


ON_BOARD = serial_device("/dev/ttyS0", None, None, None)
FIRST = serial_device("/dev/ttyACM0", 0x2E8A, 0x0005, "E66058388335B1")
SECOND = serial_device("/dev/ttyACM1", 0x2E8A, 0x0005, "E66058388335B2")
PRINTER = serial_device("/dev/ttyUSB0", 0x0403, 0x6001, "FT0PRINTER")


@pytest.mark.parametrize(
    ("listed", "there", "found"),
    [
        ((PICO,), [ON_BOARD, PRINTER], CabinetAbsent()),
        ((PICO,), [ON_BOARD, PRINTER, FIRST], "/dev/ttyACM0"),
        ((PICO,), [SECOND, FIRST], TwoBoards(("/dev/ttyACM0", "/dev/ttyACM1"))),
        ((UsbSerialId.parse("2e8a:0005:E66058388335B2"),), [FIRST, SECOND], "/dev/ttyACM1"),
        ((UsbSerialId.parse("2E8A:0005:E66058388335B2"),), [FIRST], CabinetAbsent()),
        ((PICO, FTDI), [ON_BOARD, PRINTER], "/dev/ttyUSB0"),
        ((PICO, FTDI), [PRINTER, FIRST], TwoBoards(("/dev/ttyACM0", "/dev/ttyUSB0"))),
    ],
)
def test_the_board_is_what_the_table_lists(
    listed: Sequence[UsbSerialId],
    there: list[ListPortInfo],
    found: str | CabinetAbsent | TwoBoards,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: there)
    assert only_port(lambda: boards(listed))() == found


def test_what_is_not_listed_is_no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: [PRINTER, FIRST])
    assert boards() == (FoundBoard("/dev/ttyACM0", "E66058388335B1"),)


@pytest.mark.parametrize("text", ["2e8a", "2e8a:5", "2e8a:0005:", "ttyACM0", "2e8a-0005", "2e8g:0005"])
def test_what_names_no_usb_device_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write vvvv:pppp or vvvv:pppp:SERIAL"):
        UsbSerialId.parse(text)
