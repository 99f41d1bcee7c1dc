"""Events of the connection to the board, as a closed union of values.

>>> CommandAnswer(ticket=3, code=0)
CommandAnswer(ticket=3, code=0)
"""

from dataclasses import dataclass

from drivers.cabinet.port import CabinetFault
from drivers.cabinet.sensors import Sensors


@dataclass(frozen=True, slots=True)
class BoardFacts:
    """Identity of the board. `boot_id` is another one after each start of it."""

    board_id: str
    boot_id: str
    firmware: str
    slots: int
    features: int


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """Start of an authenticated session with the board."""

    board: BoardFacts


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The board has forgotten the session, as after a start of it. Another one is being begun; no answer comes any more."""


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """There is no session, and on this line there will be none."""

    fault: CabinetFault


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """The board's answer to a command. `ticket` is what `command` gave; `code` its result, or the findings of a self test."""

    ticket: int
    code: int


@dataclass(frozen=True, slots=True)
class SensorReport:
    """All sensors, as the board reads them now."""

    sensors: Sensors


@dataclass(frozen=True, slots=True)
class BoardReport:
    """Something happened at the board: `event`, `slot` and `value` as in `messages`."""

    event: int
    slot: int
    value: int


ConnectionEvent = SessionStarted | SessionLost | ConnectionFailed | CommandAnswer | SensorReport | BoardReport
