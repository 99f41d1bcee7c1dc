"""Connection settings of a receipt printer: network, USB, serial or device file.

>>> NetworkConnection("printer.example").port
9100
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkConnection:
    """A printer that listens on TCP."""

    host: str
    port: int = 9100


@dataclass(frozen=True, slots=True)
class UsbConnection:
    """A printer of the USB printer class, by vendor and product id; its endpoints are found."""

    vendor_id: int
    product_id: int


@dataclass(frozen=True, slots=True)
class SerialConnection:
    """A printer on a serial line, with DSR/DTR flow control."""

    device: str
    baudrate: int = 38400


@dataclass(frozen=True, slots=True)
class FileConnection:
    """A device file that carries both directions, such as /dev/usb/lp0."""

    path: str


Connection = NetworkConnection | UsbConnection | SerialConnection | FileConnection
