"""The virtual printer: a network printer on loopback that renders each cut receipt to a PNG file.

The driver talks to it over TCP exactly as to a real one; a bench or a test sets its faults.

    device = VirtualPrinter(folder)
    host, port = await device.start()
    printer = EscPosPrinter("bench", NetworkConnection(host, port), virtual=True)
    device.faults = Faults(out_of_paper=True)
    await printer.status()      # OutOfPaper()
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drivers.printer.layout import WIDTH_DOTS
from drivers.printer.profile import PrinterProfile
from sim.printer.machine import PrinterFaults, PrinterMachine

__all__ = ["PrinterFaults", "VirtualPrinter"]


class VirtualPrinter:
    """A printer that listens on loopback, of 80 mm unless a profile says otherwise."""

    def __init__(
        self, folder: Path, profile: PrinterProfile | None = None, on_change: Callable[[], None] | None = None
    ) -> None:
        """Receipts go to `folder` as receipt-0001.png and so on. `on_change` is called after each receipt."""
        self._folder = folder
        self._machine = _machine(profile)
        self._on_change = on_change or (lambda: None)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._count = 0
        self.receipts: list[Path] = []
        """Pictures of what was cut, oldest first."""

    @property
    def faults(self) -> PrinterFaults:
        """Faults of the printer; set them to break or mend it, also in the middle of a print."""
        return self._machine.faults

    @faults.setter
    def faults(self, faults: PrinterFaults) -> None:
        answer = self._machine.set_faults(faults)
        for writer in self._writers:
            writer.write(answer)
            if self._machine.hung_up:
                writer.close()
        self._keep_receipts()

    def become(self, profile: PrinterProfile) -> None:
        """Be a printer of that model from now on; its faults stay, its paper is new."""
        faults, self._machine = self._machine.faults, _machine(profile)
        self._machine.set_faults(faults)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; returns the address. Raises OSError where the address is taken or the folder cannot be made."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._server = await asyncio.start_server(self._serve, host, port)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """End all connections and stop listening."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        if self._handlers:
            await asyncio.wait(self._handlers)
        self._server = None

    def snapshot(self) -> dict[str, Any]:
        """Its lasting state as JSON-able data: faults and the count of receipts."""
        return {"faults": asdict(self.faults), "count": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave. Raises KeyError, TypeError or ValueError for other data."""
        self._machine.set_faults(PrinterFaults(**state["faults"]))
        self._count = int(state["count"])
        paths = (self._picture(number) for number in range(1, self._count + 1))
        self.receipts = [path for path in paths if path.is_file()]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):
                await self._talk(reader, writer)
        finally:
            self._handlers.discard(task)
            self._writers.discard(writer)
            self._machine.line_ended()
            self._keep_receipts()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._machine.hung_up and (data := await reader.read(4096)):
            writer.write(self._machine.feed(data))
            self._keep_receipts()
            await writer.drain()

    def _keep_receipts(self) -> None:
        for picture in self._machine.take_receipts():
            self._count += 1
            path = self._picture(self._count)
            picture.save(path)
            self.receipts.append(path)
            self._on_change()

    def _picture(self, number: int) -> Path:
        return self._folder / f"receipt-{number:04}.png"


def _machine(profile: PrinterProfile | None) -> PrinterMachine:
    if profile is None:
        return PrinterMachine(WIDTH_DOTS[80])
    return PrinterMachine(profile.dots, cutter=profile.cut != "none")
