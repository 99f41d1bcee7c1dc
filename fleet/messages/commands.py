"""Signed commands to stations and their results: what the fleet may tell a station to do, and what the station answers.

A command is a compact JWS (RFC 7515, ES256) under the server key that the station pinned, `typ` `COMMAND_TYP`, over a
`Command`. It travels alone on `commands`; the result comes on `commands/result`. Nothing else can be told: `COMMANDS` is the
whole list. A result names the exact bytes that it answers (`digest_of`).

>>> sorted(TOUCHES_CARDS)
[<CommandName.OPEN_SLOT: 'open_slot'>]
>>> MOST_VALID.total_seconds()
86400.0
"""

import hashlib
import re
from datetime import timedelta
from typing import Literal

import msgspec

from fleet.messages.link import DeviceState
from fleet.messages.vocabulary import CommandName, CommandOutcome

COMMAND_TYP = "kortkiosk.command+jws"
MAX_COMMAND_BYTES = 8 * 1024
MAX_RESULT_BYTES = 64 * 1024
MOST_DEVICES = 64
MOST_LINES = 300
MOST_LINE = 160
"""Bounds of a result: devices of a self test, lines of a bundle and characters of a line."""
MOST_VALID = timedelta(days=1)
"""A command that is valid for longer is refused."""

COMMANDS: frozenset[str] = frozenset(CommandName)
TOUCHES_CARDS: frozenset[str] = frozenset({CommandName.OPEN_SLOT})
"""These need a second person."""
NEEDS_FREE: frozenset[str] = frozenset(
    {CommandName.RESTART, CommandName.RESTART_MACHINE, CommandName.SELF_TEST, CommandName.OPEN_SLOT}
)
"""These wait until nobody is at the station."""
Message = Literal["stock", "repair", "moving"]
"""What visitors are told of why the station is out of service."""


VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,5}\Z")
"""A version of an image: numbers with dots between them."""
MOST_BUNDLE_BYTES = 4 * 1024**3


class UpdateOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The bundle that a station shall update from, at the fleet server's port for it.

    `size` in bytes, `sha256` of the whole file, as 64 hex digits. `older`: also where a newer version runs. `now`: in opening
    hours too, though never in an errand.
    """

    version: str
    size: int
    sha256: str
    port: int
    older: bool = False
    now: bool = False

    def __post_init__(self) -> None:
        if VERSION.match(self.version) is None:
            raise ValueError("a version is numbers with dots between them")
        if not (0 < self.size <= MOST_BUNDLE_BYTES and 0 < self.port < 2**16):
            raise ValueError("no size of a bundle, or no port")
        if re.fullmatch(r"[0-9a-f]{64}", self.sha256) is None:
            raise ValueError("a digest is 64 hex digits")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that a station shall do, once. What is not said is left out: an older station refuses a field that it does not
    know.

    `sequence` grows with every command of the station. `issued` and `not_after` are RFC 3339 times of the server. `by` and
    `second` are names of those who ordered it; `slot` is that of `open_slot` alone, `message` of `out_of_service`, `update` of
    `update`.
    """

    station: str
    sequence: int
    command: CommandName
    issued: str
    not_after: str
    reason: str
    by: str
    second: str | None = None
    slot: int | None = None
    message: Message | None = None
    update: UpdateOrder | None = None

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise ValueError("sequence counts from 1")
        if not self.reason.strip() or not self.by.strip():
            raise ValueError("a command has a reason and a name")
        if (self.slot is not None) != (self.command == CommandName.OPEN_SLOT):
            raise ValueError("slot belongs to open_slot, and to it alone")
        if (self.message is not None) != (self.command == CommandName.OUT_OF_SERVICE):
            raise ValueError("message belongs to out_of_service, and to it alone")
        if (self.update is not None) != (self.command == CommandName.UPDATE):
            raise ValueError("a bundle belongs to update, and to it alone")
        if self.command in TOUCHES_CARDS and (self.second is None or self.second in ("", self.by)):
            raise ValueError("what touches cards needs a second person")


class CommandResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Result of a command. `digest` is `digest_of` the command as it came; `reason` a stable code where it was not done.

    `devices` is what a self test found, `lines` a bundle of events and of the log, oldest first: no person, no code.
    """

    sequence: int
    digest: str
    outcome: CommandOutcome
    reason: str = ""
    devices: tuple[DeviceState, ...] = ()
    lines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.devices) > MOST_DEVICES or len(self.lines) > MOST_LINES or len(self.reason) > MOST_LINE:
            raise ValueError("more than a result may hold")


def digest_of(payload: bytes) -> str:
    """SHA-256 of a command's exact bytes, as 64 hex digits."""
    return hashlib.sha256(payload).hexdigest()
