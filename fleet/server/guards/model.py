"""Values of guards: the clock and the batches that wait for a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from fleet.server.clock.clock_check import ClockReading

CLOCK = "clock"
"""What is confirmed where the clock has leapt; every other name is a batch's."""
BatchName = NewType("BatchName", str)
RETENTION, HOLDS, BLOCKS = BatchName("retention"), BatchName("holds"), BatchName("blocks")
DIRECTORY_LEAVERS, DIRECTORY_NAMES = BatchName("directory:leavers"), BatchName("directory:names")


def deadline_batch(rule: str) -> BatchName:
    """The batch of one rule of deadlines."""
    return BatchName(f"deadlines:{rule}")


@dataclass(frozen=True, slots=True)
class BatchStop:
    """A batch of more rows than may go in a day without a person. `until`: somebody has allowed it until then."""

    batch: str
    due: int
    most: int
    found: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class GuardState:
    """All that waits for a person. `shown`: by the machine's clock, now."""

    clock: ClockReading | None
    shown: datetime
    stops: tuple[BatchStop, ...]
