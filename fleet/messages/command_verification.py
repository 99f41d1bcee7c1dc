"""Verification of commands at a station, and the events told of them: shared by a real station and a simulated one.

Rules: what is forged, for another station or no command at all is an `IgnoredCommand`, and nobody is answered. What the server
has signed for this station and is out of its time, or is not on its own list, is refused with a code (`refusal_reason`).
Whether it was taken before is for the station's own memory to say.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol

from fleet.messages.commands import COMMAND_TYP, MAX_COMMAND_BYTES, MOST_VALID, Command, CommandResult
from fleet.messages.link import DeviceState, MessageError, decode
from fleet.messages.statements import ALGORITHM
from fleet.messages.vocabulary import CommandOutcome

SLACK = timedelta(minutes=5)
"""So far may the server's clock be ahead of the station's."""
KEPT = 8
"""So many results are kept, and told again on each connection."""

FindKey = Callable[[GuestProtocol], ECKey]
"""Gives the key of a JWS by its header; raises ValueError where it is of none that counts."""

CommandRefusal = Literal["not_allowed", "expired", "not_yet", "too_long", "bad_time"]


@dataclass(frozen=True, slots=True)
class TakenCommand:
    """Do it, now or never. `signed`: the compact JWS that it came in; empty where it is not known any more."""

    command: Command
    digest: str
    signed: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DeclinedCommand:
    """A command of the server's that is not done, or that was done before; the result says why, or how."""

    result: CommandResult


@dataclass(frozen=True, slots=True)
class IgnoredCommand:
    """Not of the server, not for this station, or taken before: nobody is answered."""

    why: str


CommandVerdict = TakenCommand | DeclinedCommand | IgnoredCommand


def open_command(payload: bytes, key: ECKey | FindKey, station: str) -> Command | IgnoredCommand:
    """The command in a compact JWS under the server's key, where it is one for this station."""
    if len(payload) > MAX_COMMAND_BYTES:
        return IgnoredCommand("too large")
    try:
        signed = jws.deserialize_compact(payload, key, algorithms=[ALGORITHM])
        if signed.protected.get("typ") != COMMAND_TYP:
            return IgnoredCommand("signed for something else")
        command: Command = decode(Command, signed.payload or b"")
    except MessageError:
        return IgnoredCommand("no command of ours")
    except (JoseError, ValueError, TypeError, RecursionError):  # a header's `crit` may be anything
        return IgnoredCommand("not signed by the server")
    return command if command.station == station else IgnoredCommand("for another station")


def refusal_reason(command: Command, allowed: Collection[str], now: datetime) -> CommandRefusal | None:
    """Why it is refused at that (aware) time by a station that does what is `allowed`."""
    issued, not_after = aware_time(command.issued), aware_time(command.not_after)
    if issued is None or not_after is None:
        return "bad_time"
    if not_after - issued > MOST_VALID:
        return "too_long"
    if now >= not_after:
        return "expired"
    if now < issued - SLACK:
        return "not_yet"
    return None if command.command in allowed else "not_allowed"


def command_taken_data(command: Command) -> dict[str, Any]:
    """The data of `EventType.COMMAND_TAKEN`."""
    second = {"second": command.second} if command.second else {}
    return {**_about(command), "by": command.by, **second, "why": command.reason}


def command_ended_data(command: Command, result: CommandResult) -> dict[str, Any]:
    """The data of `EventType.COMMAND_ENDED`."""
    why = {"reason": result.reason} if result.reason else {}
    return {**_about(command), "outcome": result.outcome, **why}


def answer(
    taken: TakenCommand, outcome: CommandOutcome, reason: str = "", *,
    devices: tuple[DeviceState, ...] = (), lines: tuple[str, ...] = (),
) -> CommandResult:  # fmt: skip
    """The result of that command."""
    return CommandResult(taken.command.sequence, taken.digest, outcome, reason, devices, lines)


def _about(command: Command) -> dict[str, Any]:
    slot = {"slot": command.slot} if command.slot is not None else {}
    return {"sequence": command.sequence, "command": command.command, **slot}


def aware_time(text: str) -> datetime | None:
    """The moment that an RFC 3339 text names; None where it names none, or leaves its offset out."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None
