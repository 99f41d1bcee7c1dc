"""Drop slot state machine: flap, first sensor, second sensor, bin, in that order and no other. Pure.

The rule itself is `drivers.cabinet.drop_rule`, which the firmware runs too; this is its form for the station.

Rules: the flap may be opened more than once before a card has been let in; any other order is somebody fishing, ends
the watch and counts nothing. A watch that ends by time names how far the card came.

>>> watch = DropWatch()
>>> for event in (DropEvent.FLAP, DropEvent.FIRST, DropEvent.SECOND, DropEvent.BIN):
...     watch = watch.after(event)
>>> watch.stage is DropStage.COUNTED
True
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from drivers.cabinet import drop_rule


class DropEvent(Enum):
    """Report of the drop slot: the flap opens, a sensor sees a card come, the bin feels it fall."""

    FLAP = "flap"
    FIRST = "first"
    SECOND = "second"
    BIN = "bin"


class DropStage(Enum):
    """Stage that the card has come to."""

    WAITING = "waiting"
    FLAP_OPENED = "flap opened"
    AT_FIRST = "at first"
    AT_SECOND = "at second"
    COUNTED = "counted"
    WRONG_ORDER = "wrong order"


_EVENTS = {
    DropEvent.FLAP: drop_rule.FLAP,
    DropEvent.FIRST: drop_rule.FIRST,
    DropEvent.SECOND: drop_rule.SECOND,
    DropEvent.BIN: drop_rule.BIN,
}
STAGES = {
    drop_rule.WAITING: DropStage.WAITING,
    drop_rule.FLAP_OPENED: DropStage.FLAP_OPENED,
    drop_rule.AT_FIRST: DropStage.AT_FIRST,
    drop_rule.AT_SECOND: DropStage.AT_SECOND,
    drop_rule.COUNTED: DropStage.COUNTED,
    drop_rule.WRONG_ORDER: DropStage.WRONG_ORDER,
}
"""The stages by their numbers on the cabinet's line."""
_NUMBERS = {stage: number for number, stage in STAGES.items()}
FAULTS: dict[int, Literal["nothing", "jam", "fishing"] | None] = {
    drop_rule.ENDED_COUNTED: None,
    drop_rule.ENDED_NOTHING: "nothing",
    drop_rule.ENDED_JAM: "jam",
    drop_rule.ENDED_FISHING: "fishing",
}
"""Why nothing is counted, by the outcome's number on the cabinet's line."""


@dataclass(frozen=True, slots=True)
class DropWatch:
    """One watch over the drop slot, from the unlocking of the flap to its end."""

    stage: DropStage = DropStage.WAITING

    @property
    def ended(self) -> bool:
        """True once nothing more changes the watch."""
        return drop_rule.ended(_NUMBERS[self.stage])

    def after(self, event: DropEvent) -> "DropWatch":
        """The watch after one more event."""
        return DropWatch(STAGES[drop_rule.after(_NUMBERS[self.stage], _EVENTS[event])])

    def fault(self) -> Literal["nothing", "jam", "fishing"] | None:
        """Why nothing is counted if the watch ends now; None where a card is."""
        return FAULTS[drop_rule.outcome(_NUMBERS[self.stage])]
