"""Read models: what pages and the API may read, as one interface over all subjects.

The store implements `Readings` (`fleet.server.readings.queries`). Times are aware datetimes in UTC. A protected identity has no
name here at all: `name` is None and the HSA-id is shown alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fleet.server.cards.stock.model import BinRow
from fleet.server.checkpoints.model import CheckpointRow
from fleet.server.errands.model import TODAY, ErrandQuery, ErrandRow, EventRow
from fleet.server.live_feed.topics import Topic, changes_with
from fleet.server.orders.model import OrderRow
from fleet.server.stations.model import StationRow


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures at the top of the overview."""

    stations: int
    stations_online: int
    """In contact: `fleet.server.stations.model.contact_of`."""
    stations_silent: int
    stations_receiving: int
    """That receive visitors: `StationRow.receives_visitors`."""
    errands_today: int
    errands_by_hour: tuple[tuple[int, int, int, int], ...]
    """(local hour, done, cancelled or timed out, failed) for each hour of today that has any."""
    errands_by_kind: tuple[tuple[str, int], ...]
    orders_waiting: int
    alarms: tuple[tuple[str, str, str], ...]
    """(station, stable code, text argument): offline, device fault, chain broken, quarantined, order expired."""


class Readings(Protocol):
    """Reads for pages. Each call sees one consistent snapshot. `now` is aware; today is the server's local day."""

    def within(self, patterns: frozenset[str]) -> "Readings":
        """The same for some stations: by name, or by beginning of name and `*`."""

    @changes_with(Topic.STATIONS, Topic.ERRANDS, Topic.ORDERS)
    def summary(self, now: datetime) -> Summary: ...
    @changes_with(Topic.STATIONS)
    def stations(self, now: datetime) -> list[StationRow]:
        """Return the stations of the fleet, without the retired ones."""

    @changes_with(Topic.STATIONS)
    def retired_stations(self, now: datetime) -> list[StationRow]: ...
    @changes_with(Topic.STATION)
    def station(self, name: str, now: datetime) -> StationRow | None:
        """Return that station, retired or not."""

    @changes_with(Topic.STATION)
    def bin(self, station: str) -> BinRow:
        """The bin of that station; an empty one where nothing has been told."""

    @changes_with(Topic.STATION)
    def checkpoint(self, station: str) -> CheckpointRow | None:
        """The last checkpoint of that station; None where it has made none."""

    @changes_with(Topic.ERRANDS)
    def errands(
        self, now: datetime, sought: ErrandQuery = TODAY, *, limit: int = 100, after: ErrandRow | None = None
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
