"""What the pages and the API may read: values, and one narrow interface to them.

The store implements `Readings`; the web depends on nothing else of it. Times are aware datetimes in UTC. A protected
identity has no name here at all: `name` is None and the HSA-id is shown alone.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from fleet.messages.link import StationState
from fleet.server.platform.live_feed.topics import Topic, changes_with


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station as the server knows it."""

    name: str
    title: str
    online: bool
    state: StationState | None
    heard: datetime | None
    errands_today: int
    held_through: int
    """Highest contiguous sequence of the current epoch that is stored."""
    missing: int
    """How many events are known to exist and are not held."""
    chain_ok: bool | None
    """False where a stored event does not follow the one before; None before the first event."""
    quarantined: int


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
class OrderRow:
    """One order. `state`: as `fleet.server.orders.lifecycle` has it, and `expired` for one that waits past its last day.
    `slot` is 0 where the card lies in none."""

    order: str
    hsa_id: str
    name: str | None
    protected: bool
    card_number: str
    product: str
    loa: int
    station: str
    slot: int
    last_day: str
    state: str
    changed: datetime


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
class Summary:
    """The figures at the top of the overview."""

    stations: int
    stations_online: int
    errands_today: int
    errands_by_hour: tuple[tuple[int, int, int, int], ...]
    """(local hour, done, cancelled or timed out, failed) for each hour of today that has any."""
    errands_by_kind: tuple[tuple[str, int], ...]
    orders_waiting: int
    alarms: tuple[tuple[str, str, str], ...]
    """(station, stable code, text argument): offline, device fault, chain broken, quarantined, order expired."""


@dataclass(frozen=True, slots=True)
class BinRow:
    """The bin of one station: cards in it by what the station has told, and how it was last emptied (None: never)."""

    cards: int
    emptied: "Emptied | None" = None


@dataclass(frozen=True, slots=True)
class Emptied:
    """How two administrators emptied a bin. `reason` and `reference` explain a difference; both empty where there was none."""

    at: datetime
    by: tuple[str, str]
    """HSA-ids."""
    counted: int
    expected: int
    sensor: int | None
    seal: str
    reason: str
    reference: str


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """The last word of a station on how far its chain has come, signed with its key."""

    at: datetime
    epoch: int
    sequence: int
    """The event that it names; everything before is covered too."""
    verdict: str | None
    """`good`, or what is wrong (`fleet.server.checkpoints.service.Verdict`); None: not judged yet."""
    countersigned: datetime | None = None
    """When the server held it, as its countersignature states."""
    stamped: datetime | None = None
    """When a time-stamping authority's token over that was got."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which errands: of a station, of a kind, with an outcome (`going_on`: not ended yet), begun on a local day (None: today)."""

    station: str | None = None
    kind: str = ""
    outcome: str = ""
    day: date | None = None


GOING_ON = "going_on"
TODAY = Sought()


class Readings(Protocol):
    """Reads for pages. Each call sees one consistent snapshot. `now` is aware; today is the server's local day."""

    def within(self, patterns: frozenset[str]) -> "Readings":
        """The same for some stations: by name, or by beginning of name and `*`."""

    @changes_with(Topic.STATIONS, Topic.ERRANDS, Topic.ORDERS)
    def summary(self, now: datetime) -> Summary: ...
    @changes_with(Topic.STATIONS)
    def stations(self, now: datetime) -> list[StationRow]: ...
    @changes_with(Topic.STATION)
    def station(self, name: str, now: datetime) -> StationRow | None: ...
    @changes_with(Topic.STATION)
    def bin(self, station: str) -> BinRow:
        """The bin of that station; an empty one where nothing has been told."""

    @changes_with(Topic.STATION)
    def checkpoint(self, station: str) -> CheckpointRow | None:
        """The last checkpoint of that station; None where it has made none."""

    @changes_with(Topic.ERRANDS)
    def errands(
        self, now: datetime, sought: Sought = TODAY, *, limit: int = 100, after: ErrandRow | None = None
    ) -> list[ErrandRow]:
        """A day's errands, newest first; with `after` those that come after that one, whatever has begun since."""

    @changes_with(Topic.ERRAND)
    def errand(self, errand: str) -> ErrandRow | None: ...
    @changes_with(Topic.ORDERS)
    def orders(
        self, *, search: str = "", state: str = "", limit: int = 100, offset: int = 0
    ) -> tuple[list[OrderRow], int]:
        """Orders that fit, and how many there are in all. `search`: part of an order, HSA-id, card number or name; a whole card
        number or HSA-id finds the orders that have it, and no others."""

    @changes_with(Topic.ERRAND)
    def events(self, *, errand: str | None = None, station: str | None = None, limit: int = 200) -> list[EventRow]:
        """In order of the chain (newest last)."""

    @changes_with()
    def receipt(self, number: str) -> bytes | None:
        """The whole signed receipt, exact bytes."""


class Changes(Protocol):
    """Where the store says, after its commit, that something that pages show has changed."""

    def publish(self, topics: frozenset[str]) -> None:
        """Tell open pages that these topics (`platform.live_feed.topics`) have changed. Thread-safe, never blocks."""
