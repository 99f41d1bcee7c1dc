"""Read models of new tries for code letters, and what keeps somebody from them.

>>> Refusal("holder") is Refusal.HOLDER
True
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

State = Literal["waiting", "agreed", "ended", "withdrawn"]
"""For the second person; for the verifier; and how it ended."""
Result = Literal["reset", "reset_before", "not_used_up"]


@dataclass(frozen=True, slots=True)
class ResetRow:
    """Request for new tries of one order's code letter. `result` is the verifier's word."""

    id: int
    order: str
    station: str
    reason: str
    by: str
    asked: datetime
    decide_by: datetime
    state: State
    second: str | None
    ended: datetime | None
    result: Result | None

    def waits(self, now: datetime) -> bool:
        """Return whether a second person may still agree."""
        return self.state == "waiting" and now < self.decide_by


@dataclass(frozen=True, slots=True)
class ResetStory:
    """An order whose letter may get new tries, and what was asked for it, newest first."""

    order: str
    card_number: str
    station: str
    rows: tuple[ResetRow, ...]


class Refusal(StrEnum):
    UNKNOWN = "unknown"
    """There is no such order with a letter, or nothing was asked for it."""
    NOT_A_PERSON = "not_a_person"
    STEP_UP = "step_up"
    NOT_LISTED = "not_listed"
    """Not an ID administrator of level 3 at the order's station, by the region's list."""
    HOLDER = "holder"
    SAME_PERSON = "same_person"
    NOT_ANOTHER_PERSON = "not_another_person"
    """One of the two made, reset or granted the other's account not long ago."""
    WAITING = "waiting"
    """Somebody has asked for it already, and a second person may agree."""
    NOT_WAITING = "not_waiting"
