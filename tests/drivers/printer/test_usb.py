"""A printer on the USB bus, with pyusb and the driver's own code above a bus that keeps the real one's rules."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import usb.backend.libusb1

from drivers.printer.connections import UsbConnection
from drivers.printer.document import Document, ParagraphBlock
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.port import CoverOpen, NotPrinted, OutOfPaper, Printed, PrinterMute, PrintUnknown, Ready
from drivers.printer.profile import load_printer_profile
from drivers.printer.protocol import GS_R_PAPER
from sim.printer.machine import PrinterFaults, PrinterMachine
from sim.stories.patience import LIMIT_S
from tests.drivers.printer.receipts import RECEIPT
from tests.fakes.printers.usb import PRODUCT, VENDOR, UsbBus


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> UsbBus:
    found = UsbBus(PrinterMachine(576))
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: found)
    return found


@pytest.fixture(params=["raster-80", "tm-t20ii"])
def printer(bus: UsbBus, request: pytest.FixtureRequest) -> Iterator[EscPosPrinter]:
    profile = load_printer_profile(request.param)
    driver = EscPosPrinter("usb", UsbConnection(VENDOR, PRODUCT), profile=profile, reply_timeout_s=30)
    yield driver
    driver.close()


async def test_the_printer_is_taken_from_the_kernel_s_driver_and_prints(bus: UsbBus, printer: EscPosPrinter) -> None:
    assert await printer.status() == Ready()
    assert await printer.print(RECEIPT) == Printed()

    (paper,) = bus.machine.take_receipts()
    assert paper.width == 576
    assert not bus.driver_bound
    assert not bus.claimed, "the interface is given back"


async def test_a_question_gets_through_although_the_small_buffer_fills_while_the_cover_is_open(
    bus: UsbBus, printer: EscPosPrinter
) -> None:
    for rows in (0, 1, 100, 300, 600):
        bus.machine.set_faults(PrinterFaults(cover_open=True, after_rows=rows))
        assert await printer.print(RECEIPT) == NotPrinted(CoverOpen())
        assert await printer.status() == CoverOpen()


async def test_the_plug_is_pulled_before_and_in_the_middle(bus: UsbBus, printer: EscPosPrinter) -> None:
    bus.machine.set_faults(PrinterFaults(hang_up=True, after_rows=200))
    assert await printer.print(RECEIPT) == PrintUnknown()
    assert await printer.status() == PrinterMute()
    assert await printer.print(RECEIPT) == NotPrinted(PrinterMute())

    bus.machine.set_faults(PrinterFaults(out_of_paper=True))
    bus.plugged = True
    assert await printer.status() == OutOfPaper()


async def test_a_device_without_a_printer_in_it_is_mute(bus: UsbBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.printer.transports.USB_PRINTER_CLASS", 0x42)
    printer = EscPosPrinter("usb", UsbConnection(VENDOR, PRODUCT))
    assert await printer.status() == PrinterMute()
    printer.close()


async def test_while_it_prints_its_state_is_told_at_once_and_its_line_is_left_alone(
    bus: UsbBus, printer: EscPosPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, write = threading.Event(), threading.Event(), bus.bulk_write

    def slow(handle: object, ep: int, intf: int, data: bytes, timeout: int) -> int:
        if bytes(data).startswith(b"\x1b@"):
            begun.set()
            assert go_on.wait(LIMIT_S)
        return write(handle, ep, intf, data, timeout)

    monkeypatch.setattr(bus, "bulk_write", slow)
    bus.machine.set_faults(PrinterFaults(paper_low=True))
    printing = asyncio.create_task(printer.print(RECEIPT))
    await asyncio.to_thread(begun.wait, LIMIT_S)
    try:
        assert await asyncio.wait_for(printer.status(), LIMIT_S) == Ready(paper_low=True)
    finally:
        go_on.set()
    assert await printing == Printed()


async def test_an_answer_that_a_print_before_was_owed_does_not_vouch_for_this_one(bus: UsbBus) -> None:
    printer = EscPosPrinter(
        "usb", UsbConnection(VENDOR, PRODUCT), profile=load_printer_profile("tm-t20ii"), reply_timeout_s=30
    )
    line, written = Document((ParagraphBlock("Kvittens"),)), []
    for _ in range(2):  # the first print of a driver, and the one after a print that broke off
        bus.slow = True
        bus.unread += [GS_R_PAPER] * 4
        assert await printer.print(line) == Printed()
        written += bus.machine.take_receipts()
        assert not bus.unread, "all that was sent is on paper when the print is called printed"
        bus.slow = False
        bus.machine.set_faults(PrinterFaults(mute=True, after_rows=20))
        assert await printer.print(line) == PrintUnknown()
        bus.machine.set_faults(PrinterFaults())
        bus.machine.take_receipts()
    assert len(written) == 2
    printer.close()
