"""Interface of the printer: its status, and a print whose outcome is never a guess."""

from dataclasses import dataclass
from typing import Protocol

from drivers.printer.document import Document


@dataclass(frozen=True, slots=True)
class Ready:
    """Ready to print. `paper_low`: the near-end sensor says that the roll ends soon."""

    paper_low: bool = False


@dataclass(frozen=True, slots=True)
class OutOfPaper:
    """End of the paper roll."""


@dataclass(frozen=True, slots=True)
class CoverOpen:
    """The cover is open; somebody must close it."""


@dataclass(frozen=True, slots=True)
class CutterFault:
    """Cutter error: the cutter is stuck."""


@dataclass(frozen=True, slots=True)
class Offline:
    """It answers, but says that it cannot print now."""


@dataclass(frozen=True, slots=True)
class PrinterMute:
    """No answer: unplugged, switched off, or the address is wrong."""


PrinterStatus = Ready | OutOfPaper | CoverOpen | CutterFault | Offline | PrinterMute


@dataclass(frozen=True, slots=True)
class Printed:
    """All of it is on paper, and the printer said so after."""


@dataclass(frozen=True, slots=True)
class NotPrinted:
    """Nothing was sent, or the printer stopped for a reason that it named before it was told to cut."""

    status: PrinterStatus


@dataclass(frozen=True, slots=True)
class PrintUnknown:
    """The line broke off in the middle, or the printer stopped at the cut: somebody must look."""


@dataclass(frozen=True, slots=True)
class NotLaidOut:
    """The document does not fit this paper, or holds what no code can: nothing was sent, and the printer is well.

    To print it again is of no use. `why`: `qr`, `barcode` (which block), or `other`; never what is in it.
    """

    why: str


PrintOutcome = Printed | NotPrinted | NotLaidOut | PrintUnknown


class Printer(Protocol):
    """Interface of a receipt printer."""

    name: str
    virtual: bool

    async def status(self) -> PrinterStatus:
        """Ask the printer (real-time status); never raises: a printer that does not answer is PrinterMute."""

    async def print(self, document: Document) -> PrintOutcome:
        """Print and cut one document; status is asked before and after. Never raises."""

    def close(self) -> None:
        """Let it go. Prints that wait are dropped."""
