"""The virtual scanner: a hand holds something before it. For a bench and for tests.

Rules, as in the real one: what is scanned while it is unplugged or held elsewhere is lost; more than `LONGEST` characters are
cut.

>>> scanner = VirtualScanner()
>>> scanner.scan("9999 0000 2026 0001")
"""

import asyncio
from collections.abc import AsyncIterator

from drivers.scanner.port import Scan, ScannerMissing, ScannerReady, ScannerRefused, ScannerState
from drivers.scanner.scan_assembler import Gathering


class VirtualScanner:
    """Implements `drivers.scanner.port.Scanner`, and has the panel."""

    virtual = True

    def __init__(self, name: str = "virtual scanner") -> None:
        self.name = name
        self.unplugged = False
        self.held = False
        """Another program holds it."""
        self._scanned: asyncio.Queue[Scan] = asyncio.Queue(maxsize=16)
        self._heard = False

    async def state(self) -> ScannerState:
        if self.unplugged:
            return ScannerMissing()
        return ScannerRefused(f"{self.name}: another program holds it") if self.held else ScannerReady()

    async def scans(self) -> AsyncIterator[Scan]:
        self._heard = True
        try:
            while True:
                yield await self._scanned.get()
        finally:
            self._heard = False

    def scan(self, text: str) -> None:
        """Hold that before it. What nobody listens to, or comes too fast, is lost."""
        gathering = Gathering()
        for char in text:
            gathering.feed(char, 0.0)
        scan = gathering.feed("\n", 0.0)
        if scan is not None and self._heard and not (self.unplugged or self.held or self._scanned.full()):
            self._scanned.put_nowait(scan)
