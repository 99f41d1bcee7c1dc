"""A printer that breaks at a point of a print: the points that there are, and whether a whole receipt is on paper.

The driver and pyusb are real; the bus below them answers at once, so that no outcome hangs on how fast a machine is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import usb.backend.libusb1
from PIL import Image

from drivers.printer.connections import UsbConnection
from drivers.printer.document import Document
from drivers.printer.encode import encode
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.port import CoverOpen, CutterFault, Offline, OutOfPaper, PrinterMute, PrinterStatus, Ready
from drivers.printer.profile import PrinterProfile
from sim.printer.machine import PrinterFaults, PrinterMachine
from tests.fakes.printers.usb import PRODUCT, VENDOR, UsbBus

STATES: dict[str, PrinterStatus] = {
    "out_of_paper": OutOfPaper(),
    "cover_open": CoverOpen(),
    "cutter": CutterFault(),
    "offline": Offline(),
    "mute": PrinterMute(),
    "silent": PrinterMute(),
    "hang_up": PrinterMute(),
    "paper_low": Ready(paper_low=True),
}
"""Every fault, and the state that tells it."""
NAMELESS = ("mute", "silent", "hang_up")
"""Faults of which the printer says nothing."""


class BreakingPrinter:
    """A printer on the bus, its driver, and hands that break and mend it."""

    def __init__(self, profile: PrinterProfile, bus: UsbBus) -> None:
        self.bus = bus
        self.driver = EscPosPrinter("printer", UsbConnection(VENDOR, PRODUCT), profile=profile, reply_timeout_s=30)
        self.papers: list[Image.Image] = []

    def break_at(self, fault: str, rows: int) -> None:
        """From so many rows on, it has this fault."""
        self.bus.machine.set_faults(PrinterFaults(**{fault: True}, after_rows=rows))

    def mend(self) -> None:
        """All is well again, and plugged in."""
        self.bus.machine.set_faults(PrinterFaults())
        self.bus.plugged = True

    def whole(self, receipt: Image.Image) -> int:
        """How many papers that came out end with the whole receipt."""
        self.papers += self.bus.machine.take_receipts()
        return sum(_ends_with(paper, receipt) for paper in self.papers)


@contextmanager
def breaking_printer(profile: PrinterProfile) -> Iterator[BreakingPrinter]:
    """`with breaking_printer(load("raster-58")) as printer: ...`"""
    bus = UsbBus(PrinterMachine(profile.dots, cutter=profile.cut != "none"))
    with patch.object(usb.backend.libusb1, "get_backend", lambda *_, **__: bus):
        printer = BreakingPrinter(profile, bus)
        yield printer
        printer.driver.close()


def paper_of(document: Document, profile: PrinterProfile) -> Image.Image:
    """What comes out where nothing is wrong."""
    machine = PrinterMachine(profile.dots)
    machine.feed(b"".join(encode(document, profile)[:-1]) + b"\x1bd\x06\x1dV\x01")
    (paper,) = machine.take_receipts()
    return paper


def points(document: Document, profile: PrinterProfile) -> list[int]:
    """Rows after which a fault may set in: at the start, inside and at the end of each step, at the cut and after it."""
    found = {0, 1}
    machine = PrinterMachine(profile.dots)
    for step in encode(document, profile)[:-1]:
        machine.feed(step)
        found |= {max(0, machine.rows_printed - 1), machine.rows_printed}
    height = paper_of(document, profile).height
    return sorted(found | {height - 1, height, height + 1})


def body_rows(document: Document, profile: PrinterProfile) -> int:
    """Rows of the receipt without the feed to the cutter."""
    machine = PrinterMachine(profile.dots)
    machine.feed(b"".join(encode(document, profile)[:-1]))
    return machine.rows_printed


def _ends_with(paper: Image.Image, receipt: Image.Image) -> bool:
    top = paper.height - receipt.height
    return top >= 0 and paper.crop((0, top, *paper.size)).tobytes() == receipt.tobytes()
