"""The printer that `station.toml` names is the one that prints, on each kind of line."""

import os
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest
import usb.backend.libusb1

from drivers.printer.connections import NetworkConnection
from drivers.printer.document import Document, TitleBlock
from drivers.printer.escpos import EscPosPrinter
from drivers.printer.port import Printed, PrinterStatus
from drivers.reader.card_reader import ReaderSettings
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import STATUSES, DeviceKind
from kiosk.config import load
from kiosk.station.build_devices import make_devices
from kiosk.station.devices import Devices, printer_state
from kiosk.station.self_test import PRINTER_WORDS
from kiosk.steps.administration_views import STATES
from sim.printer.machine import PrinterFaults, PrinterMachine
from sim.printer.virtual import VirtualPrinter
from tests.fakes.printers.usb import PRODUCT, VENDOR, UsbBus

SHORT = Document((TitleBlock("Kvittens åäö"),))


def named(folder: Path, printer: str) -> Devices:
    """The devices of a station whose file says this of its printer, and nothing else."""
    path = folder / "station.toml"
    path.write_text(f"[printer]\n{printer}")
    return make_devices(load(path), folder, ReaderSettings(), None)


@pytest.mark.parametrize("status", get_args(PrinterStatus))
def test_every_status_of_a_printer_has_its_words_wherever_it_is_shown(status: type[PrinterStatus]) -> None:
    """In the vocabulary, in the self test, and on the administrator's board where it keeps the printer from printing."""
    told = printer_state(EscPosPrinter("printer", NetworkConnection("printer.example")), status())
    assert told.state in STATUSES[DeviceKind.PRINTER]
    assert told.state in PRINTER_WORDS
    assert told.ok or told.state in STATES


async def prints(fitted: Devices, machine: PrinterMachine, width: int) -> None:
    """It prints; then its roll ends, and the station's state says so, once."""
    told: list[str] = []
    fitted.on_change = lambda: told.append(fitted.states[0].state)
    assert fitted.printer is not None
    await fitted.look()
    assert await fitted.printer.print(SHORT) == Printed()
    assert [paper.width for paper in machine.take_receipts()] == [width]
    machine.set_faults(PrinterFaults(paper_low=True))
    await fitted.look()
    machine.set_faults(PrinterFaults(out_of_paper=True))
    await fitted.look()
    await fitted.look()
    assert fitted.states == (DeviceState("printer", "printer", "out_of_paper", False, False),)
    assert told == ["ready", "paper_low", "out_of_paper"]
    assert fitted.printer_down() == "out_of_paper"
    await fitted.close()


async def test_on_usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = UsbBus(PrinterMachine(512))
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda *_, **__: bus)
    line = f'kind = "usb"\nvendor = {VENDOR}\nproduct = {PRODUCT}\nprofile = "tm-t88v"'
    await prints(named(tmp_path, line), bus.machine, 512)


async def test_on_a_serial_line(tmp_path: Path) -> None:
    machine = PrinterMachine(384)
    with at_the_end_of_a_line(machine) as device:
        await prints(
            named(tmp_path, f'kind = "serial"\ndevice = "{device}"\nbaud = 115200\nwidth_mm = 58'), machine, 384
        )


async def test_on_the_network(tmp_path: Path) -> None:
    device = VirtualPrinter(tmp_path / "papers")
    host, port = await device.start()
    fitted = named(tmp_path, f'kind = "network"\nhost = "{host}"\nport = {port}\nprofile = "tm-t20ii"')
    assert fitted.printer is not None
    assert await fitted.printer.print(SHORT) == Printed()
    assert len(device.receipts) == 1
    await fitted.close()
    await device.stop()


@contextmanager
def at_the_end_of_a_line(machine: PrinterMachine) -> Iterator[str]:
    """The name of a pseudo-terminal with the printer's machine at its other end."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def answer() -> None:
        while (data := os.read(ours, 4096)) != b"\x04end":
            os.write(ours, machine.feed(data))

    peer = threading.Thread(target=answer)
    peer.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(theirs, b"\x04end")
        peer.join()
        os.close(ours)
        os.close(theirs)
