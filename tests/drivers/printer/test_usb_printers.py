"""Printers on the USB are found by their class, in a made-up sysfs."""

from pathlib import Path

from drivers.printer.usb_printers import UsbPrinter, usb_printers


def device(root: Path, name: str, interface_class: str, **facts: str) -> None:
    interface = root / name / f"{name}:1.0"
    interface.mkdir(parents=True)
    (interface / "bInterfaceClass").write_text(f"{interface_class}\n")
    for fact, text in facts.items():
        (root / name / fact).write_text(f"{text}\n")


def test_printers_are_named_and_nothing_else_is(tmp_path: Path) -> None:
    assert usb_printers(tmp_path) == ()
    device(tmp_path, "1-1", "07", idVendor="04b8", idProduct="0e28", manufacturer="EPSON", product="TM-T20III")
    device(tmp_path, "1-2", "0b", idVendor="08e6", idProduct="3437", product="A reader")
    device(tmp_path, "1-3", "07", idVendor="0519", idProduct="0001", product="\x1b[31mred" + "d" * 100)
    device(tmp_path, "1-4", "07", product="Unplugged while we looked")
    device(tmp_path, "2-1", "07", idVendor="04b8", idProduct="0e28", product="The same model again")
    epson, star = usb_printers(tmp_path)
    assert (epson.vendor, epson.product) == (0x04B8, 0x0E28)
    assert star == UsbPrinter(0x0519, 0x0001, "[31mred" + "d" * 33)


def test_a_printer_without_a_name_has_its_numbers(tmp_path: Path) -> None:
    device(tmp_path, "1-1", "07", idVendor="04b8", idProduct="0e28")
    assert usb_printers(tmp_path) == (UsbPrinter(0x04B8, 0x0E28, "04b8:0e28"),)
