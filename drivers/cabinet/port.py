"""What the station needs of the cabinet: slots that open one at a time, and a drop slot that counts only what fell.

Slots are numbered from 1. The cabinet limits its own coils and locks on a lost host; the station cannot ask it not to.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot as its sensors say."""

    number: int
    card: Literal["present", "empty", "unknown"]
    door: Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class CabinetReady:
    """The cabinet answers."""

    slots: tuple[Slot, ...]
    bin_count: int
    bin_full: bool


@dataclass(frozen=True, slots=True)
class CabinetMute:
    """The cabinet does not answer; it has locked itself."""


CabinetState = CabinetReady | CabinetMute


class SlotFault(StrEnum):
    """Why a slot could not be opened, or an opened one did not end as it should."""

    NO_SUCH_SLOT = "no_such_slot"
    JAMMED = "jammed"
    """The coil was driven and the door sensor did not move."""
    OTHER_OPEN = "other_open"
    """One slot at a time: another door stands open."""
    BIN_FULL = "bin_full"
    """The flap of the drop slot stays locked: the bin takes no more."""
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Opened:
    """The door is open."""


@dataclass(frozen=True, slots=True)
class NotOpened:
    """The door did not open."""

    fault: SlotFault


@dataclass(frozen=True, slots=True)
class OpenUnknown:
    """The line broke off after the command was sent: read the sensors."""


OpenOutcome = Opened | NotOpened | OpenUnknown


@dataclass(frozen=True, slots=True)
class Dropped:
    """Flap, first sensor, second sensor, bin: in that order, one card more in the bin."""

    bin_count: int


@dataclass(frozen=True, slots=True)
class NotDropped:
    """Nothing reached the bin: time out, wrong sensor order, or no answer."""

    fault: Literal["nothing", "jam", "fishing", "full", "mute"]


DropOutcome = Dropped | NotDropped


class Cabinet(Protocol):
    """One cabinet with slots, a drop slot and a bin."""

    name: str
    virtual: bool

    async def state(self) -> CabinetState:
        """All sensors now. Never raises."""

    async def open_slot(self, number: int) -> OpenOutcome:
        """Drive one lock until its door is open (or the limit). Never raises."""

    async def wait_slot(
        self, number: int, *, card: Literal["present", "empty"] | None, door: Literal["open", "closed"] | None
    ) -> Slot:
        """Wait until the slot's sensors say so (None: do not care). Ends by result or cancellation."""

    async def open_drop(self) -> OpenOutcome:
        """Unlock the flap of the drop slot. Never raises."""

    async def wait_drop(self) -> DropOutcome:
        """Wait until a card has passed into the bin, then lock the flap.

        Ends by outcome or cancellation (which locks).
        """
