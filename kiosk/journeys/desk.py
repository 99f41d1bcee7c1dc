"""What every journey is given, and how it may end."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from kiosk.ports import Cabinet, Clock, Ended, Envelopes, ErrandEndedError, Orders, Outcome, Printer, Reader
from kiosk.views import Say, Tell


@dataclass(frozen=True, slots=True)
class StationSeal:
    """Who the station is on a receipt: its name and place, and its key with the chain (DER, leaf first)."""

    station: str
    title: str
    key: EllipticCurvePrivateKey
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """The capabilities of one station. None: the device is not fitted, or is out of use."""

    reader: Reader
    orders: Orders
    envelopes: Envelopes
    seal: StationSeal
    clock: Clock
    print_text: Callable[[Say], str]
    """A sentence for paper, in the language that the person has chosen."""
    cabinet: Cabinet | None = None
    printer: Printer | None = None
    administrator_reader: Reader | None = None


class StopError(ErrandEndedError):
    """The errand cannot go on, for a reason that the person is told: `view` says what happened, means, and what to do."""

    def __init__(self, outcome: Outcome, reason: str, view: Tell) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.view = view


__all__ = ["Desk", "Ended", "Outcome", "StationSeal", "StopError"]
