"""Read models of deadlines.

>>> "due" in Deadline.__dataclass_fields__
True
"""

from dataclasses import dataclass
from datetime import date, datetime

from fleet.server.deadlines.due_dates import Phase
from fleet.server.deadlines.settings import Act, Code


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline. `subject` is the order, or the card number where there is none; `due` the last day of grace.

    `name` is None for a protected identity, `hsa_id` empty where the card is nobody's yet; `slot` is 0 where it lies in none.
    """

    code: Code
    subject: str
    card_number: str
    hsa_id: str
    name: str | None
    station: str
    slot: int
    state: str
    since: date
    due: date


@dataclass(frozen=True, slots=True)
class DeadlineActionRow:
    """Action on a deadline: `what` is `warned` or `done`, `did` how."""

    code: str
    subject: str
    due: str
    what: str
    did: str
    station: str
    card_number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BoardEntry:
    """A deadline on the board: how it stands, what will happen by itself, and what has."""

    deadline: Deadline
    phase: Phase
    act: Act
    warned: datetime | None
    done: DeadlineActionRow | None
    waits: bool = False
    """It is over, and nothing happens yet: there were fewer days on which its station was open than the rule gives."""


@dataclass(frozen=True, slots=True)
class Lane:
    """All deadlines of one rule: the first ones, and how many there are."""

    code: Code
    act: Act
    days: int
    months: int
    total: int
    shown: tuple[BoardEntry, ...]
