"""Made-up errands as a station would tell them: sealed and chained, three events each.

>>> [event.sequence for event in errands("bench-a", epoch=1, count=3)]
[1, 2, 3]
"""

import uuid

from fleet.messages import kinds
from fleet.messages.events import GENESIS, Event, Facts, seal

TIME = "2026-01-01T08:00:00Z"


def errands(station: str, epoch: int, count: int) -> list[Event]:
    """The first `count` events of a chain."""
    made: list[Event] = []
    errand = ""
    for index in range(count):
        if index % 3 == 0:
            errand = str(uuid.uuid4())
        kind, content = (
            (kinds.ERRAND_STARTED, {"kind": "pickup"}),
            (kinds.EFFECT_DONE, {"effect": "slot.open", "outcome": "opened", "slot": 3}),
            (kinds.ERRAND_ENDED, {"kind": "pickup", "outcome": "cancelled", "seconds": 61.5}),
        )[index % 3]
        prev = made[-1].hash if made else GENESIS
        facts = Facts(station, epoch, index + 1, "boot-1", kind, TIME, None, prev)
        made.append(seal(facts, {"errand": errand, **content}))
    return made
