"""Whatever happens to the printer, before a print or in the middle of it, the outcome that is reported is true."""

import asyncio
import os
import threading
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from drivers.printer.connections import FileConnection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.document import Document, Paragraph, Qr, Row, Rule, Title
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.layout import WIDTH_DOTS, render, to_dots
from drivers.printer.machine import Machine
from drivers.printer.port import (
    CoverOpen,
    CutterFault,
    Mute,
    NotPrinted,
    Offline,
    OutOfPaper,
    Printed,
    PrinterStatus,
    PrintOutcome,
    PrintUnknown,
    Ready,
)
from drivers.printer.virtual import Faults, VirtualPrinter

RECEIPT = Document(
    (
        Title("Kvittens på utlämnat kort"),
        Row("Innehavare", "Åsa Lindström"),
        Row("HSA-id", "SE2321000999-7K2B"),
        Rule(),
        Qr("KK1.example." + "x" * 300),
        Paragraph("Nr 7F3A-91C2"),
    )
)
MIDDLE = render(RECEIPT).height // 2


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[VirtualPrinter]:
    virtual = VirtualPrinter(tmp_path)
    yield virtual
    await virtual.stop()


@pytest.fixture
async def printer(device: VirtualPrinter) -> AsyncIterator[EscPosPrinter]:
    host, port = await device.start()
    driver = EscPosPrinter(
        "bench", NetworkConnection(host, port), virtual=True, reply_timeout_s=0.4, print_limit_s=5.0
    )
    yield driver
    driver.close()


async def test_the_paper_shows_what_the_layout_drew(device: VirtualPrinter, printer: EscPosPrinter) -> None:
    assert await printer.print(RECEIPT) == Printed()

    (path,) = device.receipts
    with Image.open(path) as paper:
        drawn = to_dots(render(RECEIPT))
        assert paper.width == drawn.width
        assert ImageChops.difference(paper.convert("L").crop((0, 0, *drawn.size)), drawn.convert("L")).getbbox() is None
        below = paper.convert("L").crop((0, drawn.height, paper.width, paper.height))
        assert below.height >= 80, "the cutter sits above the head: the last line must have passed it"
        assert below.getextrema() == (255, 255)


async def test_each_receipt_is_a_paper_of_its_own(device: VirtualPrinter, printer: EscPosPrinter) -> None:
    first, second = await asyncio.gather(printer.print(RECEIPT), printer.print(Document((Title("Två"),))))

    assert (first, second) == (Printed(), Printed())
    assert [path.name for path in device.receipts] == ["receipt-0001.png", "receipt-0002.png"]


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (Faults(), Ready()),
        (Faults(paper_low=True), Ready(paper_low=True)),
        (Faults(paper_out=True), OutOfPaper()),
        (Faults(cover_open=True), CoverOpen()),
        (Faults(cutter_stuck=True), CutterFault()),
        (Faults(offline=True), Offline()),
        (Faults(mute=True), Mute()),
        (Faults(hang_up=True), Mute()),
    ],
)
async def test_a_printer_that_is_not_ready_is_not_sent_anything(
    device: VirtualPrinter, printer: EscPosPrinter, faults: Faults, status: PrinterStatus
) -> None:
    device.faults = faults

    assert await printer.status() == status
    outcome = await printer.print(RECEIPT)

    assert outcome == (Printed() if isinstance(status, Ready) else NotPrinted(status))
    assert len(device.receipts) == isinstance(status, Ready)


@pytest.mark.parametrize("after_rows", [MIDDLE, MIDDLE * 2 - 2])
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("paper_out", NotPrinted(OutOfPaper())),
        ("cover_open", NotPrinted(CoverOpen())),
        ("cutter_stuck", NotPrinted(CutterFault())),
        ("offline", NotPrinted(Offline())),
        ("mute", PrintUnknown()),
        ("hang_up", PrintUnknown()),
        ("paper_low", Printed()),
    ],
)
async def test_a_fault_in_the_middle_of_a_print_is_told_as_it_is(
    device: VirtualPrinter, printer: EscPosPrinter, kind: str, outcome: PrintOutcome, after_rows: int
) -> None:
    device.faults = Faults(**{kind: True}, after_rows=after_rows)

    assert await printer.print(RECEIPT) == outcome
    assert len(device.receipts) == (outcome == Printed())


async def test_after_new_paper_only_the_whole_receipt_comes_out(device: VirtualPrinter, printer: EscPosPrinter) -> None:
    device.faults = Faults(paper_out=True, after_rows=MIDDLE)
    assert await printer.print(RECEIPT) == NotPrinted(OutOfPaper())

    device.faults = Faults()
    assert await printer.print(RECEIPT) == Printed()

    (path,) = device.receipts
    with Image.open(path) as paper:
        assert paper.height < 1.5 * render(RECEIPT).height


async def test_nobody_listens_at_the_address(device: VirtualPrinter, printer: EscPosPrinter) -> None:
    await device.stop()

    assert await printer.status() == Mute()
    assert await printer.print(RECEIPT) == NotPrinted(Mute())


@pytest.mark.parametrize(
    "connection",
    [
        FileConnection("/dev/no-such-printer"),
        SerialConnection("/dev/no-such-line"),
        UsbConnection(0xFFFF, 0xFFFF),
        NetworkConnection("printer.invalid"),
    ],
)
async def test_a_printer_that_is_not_there_is_mute_and_raises_nothing(connection: object) -> None:
    printer = EscPosPrinter("missing", connection, reply_timeout_s=0.5)  # type: ignore[arg-type]

    assert await printer.status() == Mute()
    assert await printer.print(RECEIPT) == NotPrinted(Mute())
    printer.close()


async def test_a_document_that_cannot_be_laid_out_is_not_printed(printer: EscPosPrinter) -> None:
    assert await printer.print(Document((Qr("x" * 4000),))) == NotPrinted(Mute())


async def test_a_device_file_carries_both_ways_as_a_network_does() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    machine = Machine(WIDTH_DOTS[58])

    def answer() -> None:
        while data := os.read(ours, 4096):
            if data == b"\x04end":
                return
            os.write(ours, machine.feed(data))

    peer = threading.Thread(target=answer)
    peer.start()
    printer = EscPosPrinter("file", FileConnection(os.ttyname(theirs)), width_mm=58)
    try:
        assert await printer.print(RECEIPT) == Printed()
    finally:
        printer.close()
        os.write(theirs, b"\x04end")
        peer.join()
        os.close(ours)
        os.close(theirs)
    (paper,) = machine.take_receipts()
    assert paper.width == 384


async def test_the_virtual_printer_goes_on_where_it_was_stopped(device: VirtualPrinter, tmp_path: Path) -> None:
    host, port = await device.start()
    printer = EscPosPrinter("bench", NetworkConnection(host, port), virtual=True)
    assert await printer.print(RECEIPT) == Printed()
    device.faults = Faults(paper_low=True)

    again = VirtualPrinter(tmp_path)
    again.restore(device.snapshot())

    assert again.faults == Faults(paper_low=True)
    assert again.receipts == device.receipts
    printer.close()
