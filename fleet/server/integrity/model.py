"""Result of the last nightly check of the store."""

from dataclasses import dataclass
from datetime import datetime

from fleet.server.events.model import Difference


@dataclass(frozen=True, slots=True)
class LastCheck:
    """`whole_at`: when all of the store was last looked at. `differences`: the first of `count`."""

    at: datetime
    whole_at: datetime | None
    events: int
    count: int
    differences: tuple[Difference, ...] = ()
