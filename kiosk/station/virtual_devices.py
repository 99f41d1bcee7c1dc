"""Virtual devices of a station: the port. The wheel `kortkiosk-sim` implements it: see `virtual_plugin`."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from cryptography.x509 import Certificate

from drivers.cabinet.gpio.pin_wiring import Wiring
from drivers.cabinet.gpio.port import Pins
from drivers.printer.profile import PrinterProfile
from drivers.reader.port import Backend
from drivers.reader.secret import Secret
from drivers.scanner.port import Scanner
from kiosk.ports import Cabinet


class CabinetPowerError(Exception):
    """The virtual cabinet's board does not start; the text says why."""


class VirtualDevices(Protocol):
    """The virtual devices of one station, and what lies in them."""

    folder: Path
    """Where cards, slots and paper are kept over a power cut."""
    network: bool
    """Whether the network cable is plugged in."""
    on_network: Callable[[bool], None]
    """Called when the cable is pulled or put back."""
    pcsc_readers: Collection[str]
    """PC/SC readers whose cards are made-up ones too."""

    @property
    def backend(self) -> Backend:
        """The backend of the card readers."""

    @property
    def cabinet_driver(self) -> Cabinet:
        """The station's end of the cabinet."""

    def reader_name(self, role: str) -> str:
        """The name of a reader at the backend; `role`: `holder`, `administrator`."""

    def trust_anchors(self) -> Sequence[Certificate]:
        """The root certificates of the made-up cards."""

    def intermediates(self) -> Sequence[Certificate]:
        """The issuers' certificates of the made-up cards."""

    def make_pins(self, wiring: Wiring) -> Pins:
        """The GPIO pins."""

    def make_scanner(self) -> Scanner: ...

    def pin_of(self, card_number: str | None) -> Secret | None:
        """The made-up PIN of a card that lies here; None for any other card."""

    async def start_printer(self, profile: PrinterProfile) -> tuple[str, int]:
        """Host and port of the network printer of that profile, once it listens."""

    async def stop_printer(self) -> None: ...

    async def power_on(self) -> None:
        """Start the cabinet's board, where it has one. Raises CabinetPowerError."""

    async def power_off(self) -> None: ...

    async def settled(self) -> None:
        """Wait until the cabinet's board, if it has power, has seen all that was done to it."""
