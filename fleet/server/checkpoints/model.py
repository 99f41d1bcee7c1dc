"""Read models of checkpoints, for pages and programs."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """The last word of a station on how far its chain has come, signed with its key."""

    at: datetime
    epoch: int
    sequence: int
    """The event that it names; everything before is covered too."""
    verdict: str | None
    """`good`, or what is wrong (`fleet.server.checkpoints.service.CheckpointVerdict`); None: not judged yet."""
    countersigned: datetime | None = None
    """When the server held it, as its countersignature states."""
    stamped: datetime | None = None
    """When a time-stamping authority's token over that was got."""
