"""Values of proposals."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Literal

State = Literal["waiting", "confirmed", "done", "failed", "withdrawn", "objected", "expired"]
OPEN: tuple[State, ...] = ("waiting", "confirmed")
MOST_REASON = 200
LEVEL = 3
"""Of the card with which an ID administrator confirms another one."""


class Kind(StrEnum):
    """Kind of a proposal: what it gives takes two persons."""

    ADMINISTRATOR = "administrator"
    """A row of the list of ID administrators, new or more than before."""
    ACCOUNT = "account"
    ROLES = "roles"
    OPEN = "open"
    """A closed account is opened again."""
    SET_UP = "set_up"
    """A new set-up code for an account that was reset."""
    STATION = "station"
    """A new station, or one of a name that there was before."""
    STATIONS = "stations"
    """New stations of a join key."""
    ROLL_OUT = "roll_out"
    """An image for most of the fleet, or an older one."""
    GUARD = "guard"
    """A batch that cannot be undone goes on, or the clock is believed."""
    SETTINGS = "settings"
    """Settings of stations that say which cards are believed, how, and what may be plugged in."""


OF_ACCOUNTS = frozenset({Kind.ACCOUNT, Kind.ROLES, Kind.OPEN, Kind.SET_UP})
CODED = frozenset({Kind.ACCOUNT, Kind.SET_UP})
"""Ends with a set-up link, or with a code in two halves."""


class Refusal(StrEnum):
    """Why somebody cannot do that to a proposal. The first five are those of `separation_of_duties.Objection`."""

    NOT_A_PERSON = "not_a_person"
    SAME_PERSON = "same_person"
    NOT_ANOTHER_PERSON = "not_another_person"
    YOUNG = "young"
    STEP_UP = "step_up"
    SELF = "self"
    """Nobody gives themselves anything."""
    NOT_OPEN = "not_open"
    NOT_YOURS = "not_yours"
    NO_REASON = "no_reason"
    SAME = "same"
    """The same waits already."""


class ProposalRefusedError(Exception):
    """Nothing was done. `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish for a proposal. `content`: exactly what takes effect, as JSON has it."""

    kind: Kind
    target: str
    content: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Person who is told of a proposal, and why. `result`: `mail`, or `refused`; empty while it is under way."""

    who: str
    why: str
    sent: datetime | None
    result: str


@dataclass(frozen=True, slots=True)
class Checks:
    """Facts that the server knows of a proposal. Days are whole; None for who has no account. `is_compared`: the
    proposer has an HSA-id that is not the proposed one's; `is_here`: the directory has them, and they have not left."""

    is_compared: bool
    proposer_days: int | None
    reader_days: int | None
    lately: int
    """Proposals of the same person in a week, with this one."""
    is_here: bool | None = None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """One proposal."""

    id: int
    kind: Kind
    target: str
    content: Mapping[str, Any]
    reason: str
    by: str
    asked: datetime
    decide_by: datetime
    state: State
    second: str | None = None
    confirmed: datetime | None = None
    due: datetime | None = None
    ended: datetime | None = None
    ended_by: str | None = None
    outcome: str | None = None

    @property
    def is_open(self) -> bool:
        """True while the proposal can still be stopped."""
        return self.state in OPEN

    @property
    def earliest(self) -> datetime:
        """Time at which the proposal takes effect if it is confirmed before."""
        return self.due or self.asked + delays()[self.kind]


@cache
def delays() -> Mapping[Kind, timedelta]:
    """As they ship."""
    hours = tomllib.loads((files(__package__) / "delays.toml").read_text("utf-8"))
    return {kind: timedelta(hours=hours[kind.value]) for kind in Kind}
