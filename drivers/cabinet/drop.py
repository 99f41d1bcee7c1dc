"""When a card counts as dropped: flap, first sensor, second sensor, bin, in that order and no other. Pure.

Rules: the flap may be opened more than once before a card has been let in; any other order is somebody fishing, ends
the watch and counts nothing. A watch that ends by time names how far the card came.

>>> watch = DropWatch()
>>> for event in (DropEvent.FLAP, DropEvent.FIRST, DropEvent.SECOND, DropEvent.BIN):
...     watch = watch.after(event)
>>> watch.stage is Stage.COUNTED
True
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal


class DropEvent(Enum):
    """What the drop slot reports: the flap opens, a sensor sees a card come, the bin feels it fall."""

    FLAP = "flap"
    FIRST = "first"
    SECOND = "second"
    BIN = "bin"


class Stage(Enum):
    """How far the card has come."""

    WAITING = "waiting"
    FLAP_OPENED = "flap opened"
    AT_FIRST = "at first"
    AT_SECOND = "at second"
    COUNTED = "counted"
    WRONG_ORDER = "wrong order"


_NEXT = {
    (Stage.WAITING, DropEvent.FLAP): Stage.FLAP_OPENED,
    (Stage.FLAP_OPENED, DropEvent.FLAP): Stage.FLAP_OPENED,
    (Stage.FLAP_OPENED, DropEvent.FIRST): Stage.AT_FIRST,
    (Stage.AT_FIRST, DropEvent.SECOND): Stage.AT_SECOND,
    (Stage.AT_SECOND, DropEvent.BIN): Stage.COUNTED,
}


@dataclass(frozen=True, slots=True)
class DropWatch:
    """One watch over the drop slot, from the unlocking of the flap to its end."""

    stage: Stage = Stage.WAITING

    @property
    def ended(self) -> bool:
        """Whether nothing more changes it."""
        return self.stage in (Stage.COUNTED, Stage.WRONG_ORDER)

    def after(self, event: DropEvent) -> "DropWatch":
        """The watch after one more event."""
        if self.ended:
            return self
        return DropWatch(_NEXT.get((self.stage, event), Stage.WRONG_ORDER))

    def fault(self) -> Literal["nothing", "jam", "fishing"] | None:
        """Why nothing is counted if the watch ends now; None where a card is."""
        match self.stage:
            case Stage.COUNTED:
                return None
            case Stage.WRONG_ORDER:
                return "fishing"
            case Stage.AT_FIRST | Stage.AT_SECOND:
                return "jam"
            case Stage.WAITING | Stage.FLAP_OPENED:
                return "nothing"
