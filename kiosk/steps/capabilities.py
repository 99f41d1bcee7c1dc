"""Capabilities that every journey is given (devices, ports, policies), and how it may end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.administration_ports import AdministratorSession, Machine
from kiosk.issuer.no_fleet import NoFleet
from kiosk.issuer.ports import Administrators, Blocking, CardKeys, Directory, Issuer, Switches
from kiosk.issuer.proof_of_possession import CardProofs
from kiosk.issuer.proof_ports import Proofs
from kiosk.ports import Cabinet, Clock, Ended, Envelopes, ErrandEndedError, Orders, Printer, Reader
from kiosk.region import RegionSettings
from kiosk.steps.report_limit import ReportLimit
from kiosk.stock.stocktaking import Stock
from kiosk.views import Say, Tell

_NO_FLEET = NoFleet()
_PROOFS = CardProofs()
_NO_REGION = RegionSettings()


@dataclass(frozen=True, slots=True)
class StationSeal:
    """Identity of the station on a receipt: its name and place, and its key with the chain (DER, leaf first)."""

    station: str
    title: str
    key: EllipticCurvePrivateKey
    chain: tuple[bytes, ...]
    receipt_url: str = ""
    """Where a phone opens a receipt's QR text; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities of one station. None: the device is not fitted, or is out of use."""

    reader: Reader
    orders: Orders
    envelopes: Envelopes
    seal: StationSeal | None
    """None: the station has no identity yet, and attests nothing."""
    clock: Clock
    print_text: Callable[[Say], str]
    """A sentence for paper, in the language that the person has chosen."""
    cabinet: Cabinet | None = None
    printer: Printer | None = None
    administrator_reader: Reader | None = None
    issuer: Issuer = _NO_FLEET
    blocking: Blocking = _NO_FLEET
    card_keys: CardKeys = _NO_FLEET
    directory: Directory = _NO_FLEET
    administrators: Administrators = _NO_FLEET
    proofs: Proofs = _PROOFS
    switches: Switches = _NO_FLEET
    region: RegionSettings = _NO_REGION
    machine: Machine | None = None
    """The station as a machine; None where nobody may look after it from here (`walk` without a station)."""
    reports: ReportLimit = field(default_factory=ReportLimit)
    """How many cards were reported by number in this visit."""
    administrator_session: AdministratorSession | None = None
    """Who began the errand from the administrator's menu."""
    stock: Stock | None = None
    """What lies in the cabinet; None where the station has no orders."""


class StopError(ErrandEndedError):
    """The errand cannot go on, for a reason that the person is told: `view` says what happened, means, and what to do."""

    def __init__(self, outcome: ErrandOutcome, reason: str, view: Tell) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.view = view


__all__ = ["Capabilities", "Ended", "StationSeal", "StopError"]
