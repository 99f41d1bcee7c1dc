"""Made-up errands as a station would tell them: sealed and chained, three events each.

>>> [event.sequence for event in errands("bench-a", epoch=1, count=3)]
[1, 2, 3]
"""

import uuid
from collections.abc import Iterator
from typing import Any

from fleet.messages.events import GENESIS, Event, Facts, seal
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome

TIME = "2026-01-01T08:00:00Z"
_ERRAND = (
    (EventType.ERRAND_STARTED, {"kind": "pickup"}),
    (EventType.EFFECT_DONE, {"effect": Effect.SLOT_OPEN, "outcome": Outcome.OPENED, "slot": 3}),
    (EventType.ERRAND_ENDED, {"kind": "pickup", "outcome": ErrandOutcome.CANCELLED, "seconds": 61.5}),
)


def story() -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and data of one event after the other, without end."""
    while True:
        errand = str(uuid.uuid4())
        for kind, content in _ERRAND:
            yield kind, {"errand": errand, **content}


def errands(station: str, epoch: int, count: int) -> list[Event]:
    """The first `count` events of a chain."""
    made: list[Event] = []
    for sequence, (kind, content) in zip(range(1, count + 1), story(), strict=False):
        prev = made[-1].hash if made else GENESIS
        made.append(seal(Facts(station, epoch, sequence, "boot-1", kind, TIME, None, prev), content))
    return made
