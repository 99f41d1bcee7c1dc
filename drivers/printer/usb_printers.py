"""Printers on the USB, as the kernel lists them: every device with an interface of the printer class.

Rules: sysfs is read, nothing is opened. A name is the device's own word, and is cut short.
"""

from dataclasses import dataclass
from pathlib import Path

SYSFS = Path("/sys/bus/usb/devices")
PRINTER_CLASS = "07"
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class UsbPrinter:
    """A printer that is connected now."""

    vendor: int
    product: int
    name: str


def usb_printers(root: Path = SYSFS) -> tuple[UsbPrinter, ...]:
    """All that are there, by vendor and product; each pair once."""
    printers: dict[tuple[int, int], UsbPrinter] = {}
    for interface in sorted(root.glob("*/*/bInterfaceClass")):
        if _read(interface) != PRINTER_CLASS:
            continue
        device = interface.parent.parent
        try:
            vendor, product = int(_read(device / "idVendor"), 16), int(_read(device / "idProduct"), 16)
        except ValueError:
            continue  # it was unplugged while we looked
        name = " ".join(filter(None, (_read(device / "manufacturer"), _read(device / "product"))))
        printable = "".join(sign for sign in name if sign.isprintable())[:LONGEST_NAME].strip()
        printers[vendor, product] = UsbPrinter(vendor, product, printable or f"{vendor:04x}:{product:04x}")
    return tuple(printers[pair] for pair in sorted(printers))


def _read(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
