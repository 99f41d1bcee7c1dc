"""Read models of station commands, and what can be asked for.

>>> wrong_with(CommandRequest("entre-a", "restart", "  "))
'reason'
>>> wrong_with(CommandRequest("entre-a", "open_slot", "the card lies across"))
'slot'
>>> wrong_with(CommandRequest("entre-a", "open_slot", "the card lies across", slot=14)) is None
True
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from fleet.messages.commands import COMMANDS, TOUCHES_CARDS, Message, UpdateOrder
from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import CommandName
from fleet.server.accounts.separation_of_duties import Requester as Requester
from fleet.server.web.roles import Right

State = Literal["waiting", "ready", "sent", "done", "refused", "failed", "expired", "withdrawn"]
"""In the order of a command's life: for a second person, for the broker, for the station's answer; and how it ended."""
UNDER_WAY = frozenset({"waiting", "ready", "sent"})
RECOVERY_KEY = "recovery_key"
"""Asked for like a command, and answered here: the station cannot open its volume, and hears nothing."""
TWO_PERSONS = TOUCHES_CARDS | {RECOVERY_KEY}
WANTS_STEP_UP = TWO_PERSONS | {CommandName.UPDATE}
"""What is begun by a person, after a step-up, and never by a token."""
MOST_REASON = 200
REASON = r"^[^\x00-\x1f\x7f]*[0-9A-Za-zÀ-ÿ][^\x00-\x1f\x7f]*$"
"""One line, with at least a letter or a digit."""
MOST_SLOT = 64
VALID_S = (900, 3600, 28_800)
"""How long a command can be good for, from when it is ready. What touches cards has the first."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """Command that somebody asks a station to carry out."""

    station: str
    command: str
    reason: str
    slot: int | None = None
    message: str | None = None
    valid_s: int = VALID_S[0]
    update_order: UpdateOrder | None = None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command. `result` is the station's reason, as a code; `devices` and `lines` what it sent with its answer."""

    id: int
    station: str
    command: str
    slot: int | None
    message: str | None
    reason: str
    by: str
    asked: datetime
    valid_s: int
    state: State
    decide_by: datetime | None
    second: str | None
    approved: datetime | None
    sequence: int | None
    not_after: datetime | None
    published: datetime | None
    ended: datetime | None
    ended_by: str | None
    result: str | None
    update_order: UpdateOrder | None = None
    devices: tuple[DeviceState, ...] = ()
    lines: tuple[str, ...] = ()


class Refusal(StrEnum):
    UNKNOWN = "unknown"
    """There is no such command among those that the asker may see."""
    SAME_PERSON = "same_person"
    NOT_A_PERSON = "not_a_person"
    """A token begins nothing that touches cards, and agrees to nothing."""
    NOT_ANOTHER_PERSON = "not_another_person"
    """One of the two made, reset or granted the other's account not long ago (`accounts.separation_of_duties`)."""
    YOUNG = "young"
    """The second one's account is younger than a day."""
    STEP_UP = "step_up"
    """A fresh proof of who is there is missing."""
    NO_KEY = "no_key"
    """The station has sent no recovery key, or it was released before."""
    NOT_WAITING = "not_waiting"
    """It is decided, its time is over, or it is on its way already."""


class CommandRefusedError(Exception):
    """Nothing was ordered. `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def right_for(command: str) -> Right:
    """Return the right to ask for it, and to withdraw it. Whoever may command may also do what touches cards."""
    return Right.CARDS if command in TWO_PERSONS else Right.COMMAND


def wrong_with(wish: CommandRequest) -> str | None:
    """The part of a wish that does not fit; None where it can be asked."""
    slot, message = wish.slot is None, wish.message is None
    if wish.command == CommandName.OPEN_SLOT:
        slot = wish.slot is not None and 1 <= wish.slot <= MOST_SLOT
    if wish.command == CommandName.OUT_OF_SERVICE:
        message = wish.message in get_args(Message)
    fits = {
        "command": wish.command in COMMANDS | {RECOVERY_KEY},
        "reason": len(wish.reason) <= MOST_REASON and re.fullmatch(REASON, wish.reason) is not None,
        "slot": slot,
        "message": message,
        "update": (wish.update_order is not None) == (wish.command == CommandName.UPDATE),
        "valid": wish.valid_s in (VALID_S[:1] if wish.command in TWO_PERSONS else VALID_S),
    }
    return next((part for part, fit in fits.items() if not fit), None)
