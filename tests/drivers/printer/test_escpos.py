"""Whatever happens to the printer, before a print or in the middle of it, the outcome that is reported is true."""

import asyncio
import importlib.util
import os
import subprocess
import sys
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from drivers.printer.connections import FileConnection, NetworkConnection, SerialConnection, UsbConnection
from drivers.printer.document import (
    BarcodeBlock,
    Block,
    Document,
    ParagraphBlock,
    QrBlock,
    RowBlock,
    RuleBlock,
    TitleBlock,
)
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.layout import WIDTH_DOTS, render, to_dots
from drivers.printer.port import (
    CoverOpen,
    CutterFault,
    NotLaidOut,
    NotPrinted,
    Offline,
    OutOfPaper,
    Printed,
    PrinterMute,
    PrinterStatus,
    PrintOutcome,
    PrintUnknown,
    Ready,
)
from drivers.printer.profile import load_printer_profile
from drivers.printer.transports import transfer_s
from sim.printer.machine import PrinterMachine
from sim.printer.virtual import PrinterFaults, VirtualPrinter
from sim.stories.patience import LIMIT_S

RECEIPT = Document(
    (
        TitleBlock("Kvittens på utlämnat kort"),
        RowBlock("Innehavare", "Åsa Lindström"),
        RowBlock("HSA-id", "SE2321000999-7K2B"),
        RuleBlock(),
        QrBlock("KK1.example." + "x" * 300),
        ParagraphBlock("Nr 7F3A-91C2"),
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
        "bench", NetworkConnection(host, port), virtual=True, reply_timeout_s=30, print_limit_s=LIMIT_S
    )
    yield driver
    driver.close()


@pytest.fixture
async def hasty(device: VirtualPrinter) -> AsyncIterator[EscPosPrinter]:
    """Waits for a silent printer as long as a busy machine may keep one waiting, and no longer."""
    host, port = await device.start()
    driver = EscPosPrinter(
        "bench", NetworkConnection(host, port), virtual=True, reply_timeout_s=1.5, print_limit_s=LIMIT_S
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
    first, second = await asyncio.gather(printer.print(RECEIPT), printer.print(Document((TitleBlock("Två"),))))

    assert (first, second) == (Printed(), Printed())
    assert [path.name for path in device.receipts] == ["receipt-0001.png", "receipt-0002.png"]


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (PrinterFaults(), Ready()),
        (PrinterFaults(paper_low=True), Ready(paper_low=True)),
        (PrinterFaults(out_of_paper=True), OutOfPaper()),
        (PrinterFaults(cover_open=True), CoverOpen()),
        (PrinterFaults(cutter=True), CutterFault()),
        (PrinterFaults(offline=True), Offline()),
        (PrinterFaults(mute=True), PrinterMute()),
        (PrinterFaults(hang_up=True), PrinterMute()),
    ],
)
async def test_a_printer_that_is_not_ready_is_not_sent_anything(
    device: VirtualPrinter, hasty: EscPosPrinter, faults: PrinterFaults, status: PrinterStatus
) -> None:
    device.faults = faults

    assert await hasty.status() == status
    outcome = await hasty.print(RECEIPT)

    assert outcome == (Printed() if isinstance(status, Ready) else NotPrinted(status))
    assert len(device.receipts) == isinstance(status, Ready)


@pytest.mark.parametrize("after_rows", [MIDDLE, MIDDLE * 2 - 2])
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("out_of_paper", NotPrinted(OutOfPaper())),
        ("cover_open", NotPrinted(CoverOpen())),
        ("cutter", PrintUnknown()),
        ("offline", NotPrinted(Offline())),
        ("mute", PrintUnknown()),
        ("hang_up", PrintUnknown()),
        ("paper_low", Printed()),
    ],
)
async def test_a_fault_in_the_middle_of_a_print_is_told_as_it_is(
    device: VirtualPrinter, hasty: EscPosPrinter, kind: str, outcome: PrintOutcome, after_rows: int
) -> None:
    device.faults = PrinterFaults(**{kind: True}, after_rows=after_rows)

    assert await hasty.print(RECEIPT) == outcome
    assert len(device.receipts) == (outcome == Printed())


async def test_after_new_paper_only_the_whole_receipt_comes_out(device: VirtualPrinter, hasty: EscPosPrinter) -> None:
    device.faults = PrinterFaults(out_of_paper=True, after_rows=MIDDLE)
    assert await hasty.print(RECEIPT) == NotPrinted(OutOfPaper())

    device.faults = PrinterFaults()
    assert await hasty.print(RECEIPT) == Printed()

    (path,) = device.receipts
    with Image.open(path) as paper:
        assert paper.height < 1.5 * render(RECEIPT).height


async def test_nobody_listens_at_the_address(device: VirtualPrinter, printer: EscPosPrinter) -> None:
    await device.stop()

    assert await printer.status() == PrinterMute()
    assert await printer.print(RECEIPT) == NotPrinted(PrinterMute())


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

    assert await printer.status() == PrinterMute()
    assert await printer.print(RECEIPT) == NotPrinted(PrinterMute())
    printer.close()


@pytest.mark.parametrize(
    ("block", "why"),
    [(QrBlock("x" * 4000), "qr"), (BarcodeBlock("7" * 90), "barcode"), (BarcodeBlock("Å"), "barcode")],
)
async def test_a_document_that_cannot_be_laid_out_is_told_from_a_printer_that_is_not_well(
    hasty: EscPosPrinter, block: Block, why: str
) -> None:
    assert await hasty.print(Document((TitleBlock("T"), block))) == NotLaidOut(why)
    assert await hasty.status() == Ready()
    assert await hasty.print(RECEIPT) == Printed()


@contextmanager
def behind_a_terminal(machine: PrinterMachine) -> Iterator[str]:
    """The name of a pseudo-terminal at whose other end the printer's machine takes and answers bytes."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def answer() -> None:
        while data := os.read(ours, 4096):
            if data == b"\x04end":
                return
            os.write(ours, machine.feed(data))

    peer = threading.Thread(target=answer)
    peer.start()
    try:
        yield os.ttyname(theirs)
    finally:
        tty.setraw(theirs)
        os.write(theirs, b"\x04end")
        peer.join()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("line", [FileConnection, SerialConnection])
async def test_a_device_file_and_a_serial_line_carry_both_ways_as_a_network_does(
    line: type[FileConnection] | type[SerialConnection],
) -> None:
    machine = PrinterMachine(WIDTH_DOTS[58])
    with behind_a_terminal(machine) as path:
        printer = EscPosPrinter("line", line(path), profile=load_printer_profile("raster-58"), reply_timeout_s=2.0)
        assert await printer.status() == Ready()
        assert await printer.print(RECEIPT) == Printed()
        machine.set_faults(PrinterFaults(out_of_paper=True))
        assert await printer.print(RECEIPT) == NotPrinted(OutOfPaper())
        printer.close()
    (paper,) = machine.take_receipts()
    assert paper.width == 384


async def test_an_answer_on_a_serial_line_is_taken_when_it_comes_not_when_the_time_is_up() -> None:
    with behind_a_terminal(PrinterMachine(WIDTH_DOTS[80])) as path:
        # A status is three answers: were each waited for to the end, this would outlast the test's own limit.
        printer = EscPosPrinter("line", SerialConnection(path), reply_timeout_s=100)
        assert await printer.status() == Ready()
        printer.close()


async def test_a_serial_line_on_which_nobody_answers_is_mute() -> None:
    ours, theirs = os.openpty()
    printer = EscPosPrinter("line", SerialConnection(os.ttyname(theirs)), reply_timeout_s=0.1)
    assert await printer.status() == PrinterMute()
    assert await printer.print(RECEIPT) == NotPrinted(PrinterMute())
    printer.close()
    os.close(ours)
    os.close(theirs)


def test_a_slow_serial_line_gets_the_time_it_needs() -> None:
    assert transfer_s(SerialConnection("/dev/ttyUSB0", 9600), 9600) == 10.0
    assert transfer_s(NetworkConnection("printer.example"), 9600) == 0.0


@pytest.mark.parametrize("library", ["usb.core", "serial"])
def test_the_libraries_for_usb_and_serial_printers_are_there(library: str) -> None:
    assert importlib.util.find_spec(library)


def test_the_library_leaves_neither_log_handlers_nor_folders_behind(tmp_path: Path) -> None:
    program = "import logging, drivers.printer.escpos; print(logging.root.handlers)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert list(tmp_path.iterdir()) == []


async def test_the_virtual_printer_goes_on_where_it_was_stopped(device: VirtualPrinter, tmp_path: Path) -> None:
    host, port = await device.start()
    printer = EscPosPrinter("bench", NetworkConnection(host, port), virtual=True, reply_timeout_s=30)
    assert await printer.print(RECEIPT) == Printed()
    device.faults = PrinterFaults(paper_low=True)

    again = VirtualPrinter(tmp_path)
    again.restore(device.snapshot())

    assert again.faults == PrinterFaults(paper_low=True)
    assert again.receipts == device.receipts
    printer.close()
