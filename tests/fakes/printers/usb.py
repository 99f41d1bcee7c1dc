"""A receipt printer on the USB bus, below pyusb: descriptors, a kernel driver, bulk transfers, a small buffer, a plug."""

import errno
from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core

from drivers.printer.protocol import DLE_EOT
from sim.printer.machine import PrinterMachine

VENDOR, PRODUCT = 0x04B8, 0x0E15
BUFFER_BYTES = 4096
VENDOR_INTERFACE, PRINTER_INTERFACE = 0, 1
IN, OUT = 0x83, 0x02


class UsbBus(usb.backend.IBackend):  # type: ignore[misc]
    """Implements pyusb's backend with one device: a vendor's interface first, then the printer, whose driver is bound."""

    __module__ = "usb.backend.libusb1"  # the only one that has kernel drivers

    def __init__(self, machine: PrinterMachine) -> None:
        self.machine = machine
        self.plugged = True
        self.driver_bound = True
        self.claimed: set[int] = set()
        self.slow = False
        """It takes what it is sent and answers questions at once, but prints only while it is waited for."""
        self.unread: list[bytes] = []
        self._answers = bytearray()
        self._held = 0

    def enumerate_devices(self) -> Any:
        return iter(("printer",) if self.plugged else ())

    def get_device_descriptor(self, dev: Any) -> Any:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=VENDOR, idProduct=PRODUCT, bcdDevice=0x100, iManufacturer=0, iProduct=0,
            iSerialNumber=0, bNumConfigurations=1, address=4, bus=1, port_number=1, port_numbers=(1,), speed=3,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: Any, config: int) -> Any:
        if config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=55, bNumInterfaces=2, bConfigurationValue=1, iConfiguration=0,
            bmAttributes=0xC0, bMaxPower=1, extra_descriptors=(),
        )  # fmt: skip

    def get_interface_descriptor(self, dev: Any, intf: int, alt: int, config: int) -> Any:
        if intf > PRINTER_INTERFACE or alt:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=intf, bAlternateSetting=0, bNumEndpoints=2,
            bInterfaceClass=(0xFF, 0x07)[intf], bInterfaceSubClass=1, bInterfaceProtocol=2, iInterface=0,
            extra_descriptors=(),
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: Any, ep: int, intf: int, alt: int, config: int) -> Any:
        address = ((0x81, 0x04), (IN, OUT))[intf][ep]
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=address, bmAttributes=2, wMaxPacketSize=64, bInterval=0,
            bRefresh=0, bSynchAddress=0, extra_descriptors=(),
        )  # fmt: skip

    def open_device(self, dev: Any) -> Any:
        self._need_plug()
        return "handle"

    def close_device(self, dev_handle: Any) -> None:
        self.machine.line_ended()

    def set_configuration(self, dev_handle: Any, config_value: int) -> None:
        self._need_plug()

    def get_configuration(self, dev_handle: Any) -> int:
        return 1

    def reset_device(self, dev_handle: Any) -> None:
        self._need_plug()

    def claim_interface(self, dev_handle: Any, intf: int) -> None:
        if self.driver_bound and intf == PRINTER_INTERFACE:
            raise usb.core.USBError("Resource busy", errno=errno.EBUSY)
        self.claimed.add(intf)

    def release_interface(self, dev_handle: Any, intf: int) -> None:
        self.claimed.discard(intf)

    def is_kernel_driver_active(self, dev_handle: Any, intf: int) -> bool:
        return self.driver_bound and intf == PRINTER_INTERFACE

    def detach_kernel_driver(self, dev_handle: Any, intf: int) -> None:
        assert intf == PRINTER_INTERFACE, "the driver holds the printer's interface"
        self.driver_bound = False

    def bulk_write(self, dev_handle: Any, ep: int, intf: int, data: Any, timeout: int) -> int:
        self._need_plug()
        assert (ep, intf) == (OUT, PRINTER_INTERFACE)
        self._held = 0 if self.machine.idle else self._held
        taken = bytes(data)[: BUFFER_BYTES - self._held]
        if not taken:
            raise usb.core.USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT)
        self._take(taken)
        self._held += len(taken)
        self.plugged = not self.machine.hung_up
        return len(taken)

    def bulk_read(self, dev_handle: Any, ep: int, intf: int, buff: Any, timeout: int) -> int:
        self._need_plug()
        assert (ep, intf) == (IN, PRINTER_INTERFACE)
        assert timeout > 0, "who waits for ever waits too long"
        if not self._answers and self.unread:
            self._answers += self.machine.feed(self.unread.pop(0))
        if not self._answers:
            raise usb.core.USBTimeoutError("Operation timed out", errno=errno.ETIMEDOUT)
        size = min(len(buff), len(self._answers))
        buff[:size] = type(buff)("B", self._answers[:size])
        del self._answers[:size]
        return size

    def _take(self, data: bytes) -> None:
        if self.slow and not data.startswith(DLE_EOT):
            self.unread.append(data)
        else:
            self._answers += self.machine.feed(data)

    def _need_plug(self) -> None:
        if not self.plugged:
            raise usb.core.USBError("No such device (it may have been disconnected)", errno=errno.ENODEV)
