"""Interface of the scanner: its state, and what it reads."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

LONGEST = 512
"""Characters of one scan that are kept. Nothing that a station reads is longer."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Text that was read, up to its end. `whole`: nothing had to be cut off. It may be anything, so it is never printed."""

    text: str
    whole: bool = True

    def __repr__(self) -> str:
        return f"Scan({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class ScannerReady:
    """It is there, and what it reads comes here alone."""


@dataclass(frozen=True, slots=True)
class ScannerMissing:
    """No input device of that name is plugged in."""


@dataclass(frozen=True, slots=True)
class ScannerRefused:
    """It is there, but cannot be had: another program holds it, or nobody may read it. `reason` is for a technician."""

    reason: str


ScannerState = ScannerReady | ScannerMissing | ScannerRefused


class Scanner(Protocol):
    """Interface of a barcode scanner."""

    name: str
    virtual: bool

    async def state(self) -> ScannerState:
        """Tell whether it is there now. Never raises."""

    def scans(self) -> AsyncIterator[Scan]:
        """Yield what it reads, from now on, over unplugging and plugging in. Ends by cancellation alone, which lets it go."""
