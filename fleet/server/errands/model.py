"""Read models of errands and their events, for pages and programs."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class ErrandRow:
    """One errand, as its events tell."""

    errand: str
    station: str
    kind: str
    started: datetime
    ended: datetime | None
    outcome: str | None
    """As `errand.ended` says; None while it goes on."""
    order: str | None
    card_number: str | None
    hsa_id: str | None
    receipt: str | None
    """The receipt's number."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One stored event for a page: attributes and data, no salt."""

    station: str
    epoch: int
    sequence: int
    type: str
    time: str
    subject: str | None
    content: dict[str, object]


@dataclass(frozen=True, slots=True)
class ErrandQuery:
    """Filter of errands: station, kind, outcome (`going_on`: not ended yet), and local day on which they began (None: today)."""

    station: str | None = None
    kind: str = ""
    outcome: str = ""
    day: date | None = None


GOING_ON = "going_on"


TODAY = ErrandQuery()
