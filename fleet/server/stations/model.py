"""Read models of pages and API: values, and one narrow interface to them.

The store implements `Readings`; the web depends on nothing else of it. Times are aware datetimes in UTC. A protected
identity has no name here at all: `name` is None and the HSA-id is shown alone.
"""

from dataclasses import dataclass
from datetime import datetime

from fleet.messages.link import StationState


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
