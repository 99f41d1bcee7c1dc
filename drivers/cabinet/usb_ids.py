"""USB ids of serial devices that may be the cabinet's board."""

import re
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class UsbSerialId:
    """USB vendor and product of a serial device, and its own serial number where one device alone is meant.

    >>> str(UsbSerialId.parse("2E8A:0005"))
    '2e8a:0005'
    """

    vendor: int
    product: int
    serial_number: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of `vvvv:pppp` or `vvvv:pppp:SERIAL`, hexadecimal, as lsusb prints it. Raises ValueError."""
        parts = re.fullmatch(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?::(\S+))?", text)
        if parts is None:
            raise ValueError(f"{text!r} names no USB device: write vvvv:pppp or vvvv:pppp:SERIAL, as lsusb prints it")
        return cls(int(parts[1], 16), int(parts[2], 16), parts[3] or "")

    def __str__(self) -> str:
        serial = f":{self.serial_number}" if self.serial_number else ""
        return f"{self.vendor:04x}:{self.product:04x}{serial}"

    def matches(self, vendor: int | None, product: int | None, serial_number: str) -> bool:
        """Return whether that device is meant; one on no USB has neither vendor nor product."""
        return (vendor, product) == (self.vendor, self.product) and self.serial_number in ("", serial_number)


PICO = UsbSerialId(0x2E8A, 0x0005)
"""A Raspberry Pi Pico that runs MicroPython."""
