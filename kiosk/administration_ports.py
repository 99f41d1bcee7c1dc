"""Administration ports: the administrator's session, and the station as a machine that they look after.

`AdministratorSession` is an ID administrator whose card has proved itself, for as long as it stays where it is. `Machine` is the
station as a machine. Both are None in an errand that was not begun from the administrator's menu.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Literal, Protocol

from fleet.messages.vocabulary import DeviceKind, Outcome
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Ended, Reader
from kiosk.receipts import Receipt

RESTARTED = "restarted"
"""The reason with which an errand ends that wants the program to start anew: then the stay ends too."""
NOT_HERE = "not_here"
"""This station has no errand of that name."""

SlotLook = Literal["card", "reserve", "soon", "broken", "empty", "open"]
"""What is to be seen of a slot: a card, a reserve card, a card that soon has lain too long, a fault, nothing, an open door."""

BIN_FULL = "full"
"""The status of a bin that takes no card more."""


@unique
class PartOfBoard(StrEnum):
    """Parts that the administrator's board shows beside the devices."""

    BIN = "bin"
    LINK = "link"


PartKind = DeviceKind | PartOfBoard


@dataclass(slots=True)
class AdministratorSession:
    """The administrator whose card is in `reader`. `out` is done when it was taken: then they are logged out. `since` is when
    they last logged in, by the monotonic clock."""

    administrator: LoggedIn
    reader: Reader
    out: "asyncio.Future[None]"
    since: float
    tied: bool = True
    """Taking the card ends the errand that was begun from the menu."""

    @property
    def card_in(self) -> bool:
        """True while the card has stayed in its reader."""
        return not self.out.done()

    async def taken(self) -> None:
        """Wait until the card is taken out."""
        await asyncio.wait({self.out})

    def let_go(self) -> None:
        """From here on the card may be taken out: the errand goes on without it."""
        self.tied = False


@dataclass(frozen=True, slots=True)
class SlotOverview:
    """One slot as the administrator sees it."""

    number: int
    look: SlotLook


@dataclass(frozen=True, slots=True)
class DeviceOverview:
    """One part of the machine. `state` is the code that the fleet is told too; `count` and `full` are of a bin or a roll."""

    kind: PartKind
    state: str
    ok: bool
    count: int | None = None
    full: int | None = None


Closed = Literal["stock", "repair", "moving"]
"""Why a station is out of service, as it is told to visitors."""


@dataclass(frozen=True, slots=True)
class EventOverview:
    """One event, without whom it was about: codes of `fleet.messages.vocabulary` and of the journal. See `event_words`."""

    time: str
    """Hours and minutes, local."""
    type: str
    """Without what all types begin with."""
    effect: str = ""
    errand: str = ""
    outcome: str = ""
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class MachineOverview:
    """The station as a machine, now. `unsigned`: cards that were given a code and whose receipt is not signed yet."""

    slots: tuple[SlotOverview, ...] = ()
    devices: tuple[DeviceOverview, ...] = ()
    unsigned: int = 0
    unprinted: int = 0
    """Receipts that never came onto paper."""
    left_in: int = 0
    """Cards that were left in the reader during the last day."""


class ReaderTelling(Protocol):
    """The card readers, as far as it has to be told which is whose. A place is where a reader is plugged in."""

    async def connected(self) -> tuple[str, ...]:
        """Places of the contact readers that are there and can be told apart."""

    async def occupied(self) -> frozenset[str]:
        """Places of those that hold a card."""

    async def next_card(self, among: Collection[str], before: Collection[str]) -> str:
        """Wait until a card is put into one of these; return its place. One that was in `before` counts once it was out."""

    async def emptied(self, place: str) -> None:
        """Wait until no card is in that reader."""

    async def keep(self, holder: str, administrator: str | None) -> bool:
        """Keep which is which. True where the station has to start anew, since it has a reader more or less than before.

        Raises OSError: then it is as it was.
        """


@dataclass(frozen=True, slots=True)
class ResetLosses:
    """Losses of a reset: what it deletes, and the cards in the cabinet, of which no record remains."""

    station: str
    unsent: int
    """Events that the server does not hold yet."""
    slots: tuple[int, ...]
    """Slots in which a card lies, by the station's list."""
    binned: int
    """Cards in the bin, by the station's list."""


class Machine(Protocol):
    """The station as a machine."""

    @property
    def readers(self) -> ReaderTelling | None:
        """The card readers; None where the station's file says which is whose."""

    async def look(self) -> MachineOverview:
        """Return the state of the machine, as the board shows it."""

    def missing(self, errand: str) -> str | None:
        """Return the code of what keeps that errand from being offered; `not_here` where this station has none of that name."""

    async def check(self) -> tuple[DeviceOverview, ...]:
        """The self test of every device. Nothing opens, and nothing is printed."""

    async def events(self) -> tuple[EventOverview, ...]:
        """Return the last events, the newest first."""

    async def unprinted(self) -> tuple[Receipt, ...]:
        """Receipts that were to be printed and never came onto paper whole, the newest first."""

    @property
    def closed(self) -> Closed | None:
        """Why the station is out of service; None where it is not."""

    async def close(self, why: Closed | None) -> None:
        """Put it out of service, with a message, or back into it. It stays so over a restart."""

    async def pair(self) -> str:
        """Pair the cabinet's board with this station. `paired`, `no_cabinet`, or a stable code of what stood against it."""

    def restart(self) -> bool:
        """Start the program anew once this errand has ended; False where nobody would start it."""

    async def losses(self) -> ResetLosses | None:
        """Return what a reset would delete; None where this station can write nothing down."""

    async def reset(self, *, lose_unsent: bool) -> Outcome:
        """Tell the server, and forget everything once this errand has ended. `asked`; `not_sent` where the server does not hold
        every event, which is said not to matter by `lose_unsent`; `refused` where nobody would start the program."""

    async def run(self, errand: str, here: AdministratorSession) -> Ended | None:
        """One errand of the administrator's, to its end."""
