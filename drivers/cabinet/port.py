"""Interface of the cabinet: slots that open one at a time, and a drop slot that counts only what fell.

Slots are numbered from 1. The cabinet limits its own coils and locks on a lost host; the station cannot ask it not to.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class SlotReading:
    """Sensor reading of one slot."""

    number: int
    card: Literal["present", "empty", "unknown"]
    door: Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True)
class CabinetReady:
    """Ready cabinet with its sensors."""

    slots: tuple[SlotReading, ...]
    bin_count: int
    bin_full: bool


@dataclass(frozen=True, slots=True)
class CabinetAbsent:
    """No board is connected: the cable is out, or nothing is fitted."""


@dataclass(frozen=True, slots=True)
class CabinetMute:
    """The cabinet does not answer; it has locked itself."""


@dataclass(frozen=True, slots=True)
class WrongFirmware:
    """The board runs another firmware than this station speaks; `found` and `wanted` are versions."""

    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class NotPaired:
    """The board and this station have no key in common. `board` is its id, empty where it was not asked; `reason` says what is
    wrong with the station's own key file."""

    board: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SwappedBoard:
    """Another board than the one that was paired; both by id."""

    found: str
    paired: str


@dataclass(frozen=True, slots=True)
class TwoBoards:
    """More than one board is connected, and nothing says which is the cabinet's. Their ports, in order."""

    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PortRefused:
    """The port is there and cannot be opened: another program has it, or this one may not."""

    port: str
    reason: str


CabinetFault = CabinetAbsent | CabinetMute | WrongFirmware | NotPaired | SwappedBoard | TwoBoards | PortRefused
CabinetState = CabinetReady | CabinetFault


class SlotFault(StrEnum):
    """Why a slot could not be opened, or an opened one did not end as it should."""

    NO_SUCH_SLOT = "no_such_slot"
    JAMMED = "jammed"
    """The coil was driven and the door sensor did not move."""
    OTHER_OPEN = "other_open"
    """One slot at a time: another door stands open."""
    BIN_FULL = "bin_full"
    """The flap of the drop slot stays locked: the bin takes no more."""
    BIN_OPEN = "bin_open"
    """The flap stays locked: the door of the bin is open."""
    TAMPERED = "tampered"
    """The cabinet's own case is open; it has locked itself."""
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Opened:
    pass


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
    """A card counted into the bin: flap, first sensor, second sensor, bin, in that order."""

    bin_count: int


@dataclass(frozen=True, slots=True)
class NotDropped:
    """Nothing reached the bin: time out, wrong sensor order, or no answer."""

    fault: Literal["nothing", "jam", "fishing", "full", "mute"]


DropOutcome = Dropped | NotDropped


class CabinetFinding(StrEnum):
    """Self-test finding of a cabinet that answers."""

    DOOR_OPEN = "door_open"
    CASE_OPEN = "case_open"
    BIN_OPEN = "bin_open"
    COUNTERS_LOST = "counters_lost"
    FLASH_FAILED = "flash_failed"
    JAMMED = "jammed"
    """A slot did not open when it was last asked to."""
    DROP_SENSOR = "drop_sensor"
    """A sensor of the drop slot sees something though nobody is there."""


Findings = frozenset[CabinetFinding]


class Cabinet(Protocol):
    """One cabinet with slots, a drop slot and a bin."""

    name: str
    virtual: bool

    @property
    def firmware(self) -> str | None:
        """Version of the firmware on its board, of the last time it was greeted; None before, and where there is no board."""

    def start(self) -> None:
        """Begin to look for the cabinet. Call it once, in the loop that uses it."""

    async def close(self) -> None: ...

    async def state(self) -> CabinetState:
        """All sensors now. Never raises."""

    async def open_slot(self, number: int) -> OpenOutcome:
        """Drive one lock until its door is open (or the limit). Never raises."""

    async def wait_slot(
        self, number: int, *, card: Literal["present", "empty"] | None, door: Literal["open", "closed"] | None
    ) -> SlotReading:
        """Wait until the slot's sensors say so (None: do not care). Ends by result or cancellation."""

    async def open_drop(self) -> OpenOutcome:
        """Unlock the flap of the drop slot. Never raises."""

    async def wait_drop(self) -> DropOutcome:
        """Wait until a card has passed into the bin, then lock the flap.

        Ends by outcome or cancellation (which locks).
        """

    async def clear_bin(self) -> bool:
        """Set the count of the bin to nought, once its cards have been taken out; False where it could not. Never raises."""

    def sound(self) -> None:
        """One long tone, where a buzzer is fitted and the cabinet can be reached. Never raises."""

    async def self_test(self) -> Findings | None:
        """Find what is wrong with the cabinet itself; None where it does not answer. Nothing opens. Never raises."""
