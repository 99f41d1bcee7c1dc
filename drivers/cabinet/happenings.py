"""What happens on the cabinet's line, as a closed union of values.

>>> Answered(ticket=3, code=0)
Answered(ticket=3, code=0)
"""

from dataclasses import dataclass

from drivers.cabinet.port import CabinetFault
from drivers.cabinet.sensors import Sensors


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """Who the board is. `boot_id` is another one after each start of it."""

    board_id: str
    boot_id: str
    firmware: str
    slots: int
    features: int


@dataclass(frozen=True, slots=True)
class Joined:
    """A session has begun."""

    board: BoardFacts


@dataclass(frozen=True, slots=True)
class Parted:
    """The board has forgotten the session, as after a start of it. Another one is being begun; no answer comes any more."""


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no session, and on this line there will be none."""

    fault: CabinetFault


@dataclass(frozen=True, slots=True)
class Answered:
    """The board's answer to a command. `ticket` is what `command` gave; `code` its result, or the findings of a self test."""

    ticket: int
    code: int


@dataclass(frozen=True, slots=True)
class Sensed:
    """All sensors, as the board reads them now."""

    sensors: Sensors


@dataclass(frozen=True, slots=True)
class Reported:
    """Something happened at the board: `event`, `slot` and `value` as in `messages`."""

    event: int
    slot: int
    value: int


Happening = Joined | Parted | Failed | Answered | Sensed | Reported
