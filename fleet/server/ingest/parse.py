"""Parser of what stations send: events and states as values, and a dead letter (quarantine) for what cannot be read.

>>> Spoilt("entre-a", (1, 7), "events", b"{", "not an event").key
(1, 7)
"""

import hashlib

import msgspec

from fleet.messages.commands import CommandResult
from fleet.messages.events import Event
from fleet.messages.link import Acked
from fleet.server.ingest.projections import Said, said_by

RESULT = "command result"
"""The kind of a spoilt one."""
Key = tuple[int, int]
"""(epoch, sequence)."""


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """An event that fits every rule but its place in the chain; `raw` are the bytes that came. Made by `taken`."""

    station: str
    event: Event
    raw: bytes
    said: Said

    @property
    def key(self) -> Key:
        """(epoch, sequence)."""
        return self.event.epoch, self.event.sequence


def taken(station: str, event: Event, raw: bytes) -> Arrived:
    """An event with all that can be known of it before it is stored. Never raises."""
    return Arrived(station, event, raw, said_by(event))


class Spoilt(msgspec.Struct, frozen=True, gc=False):
    """Something that cannot be used. With a key it counts as held, so that the stream goes on."""

    station: str
    key: Key | None
    kind: str
    raw: bytes
    reason: str

    @property
    def digest(self) -> str:
        """SHA-256 of kind, key and bytes: the same thing is kept once."""
        return hashlib.sha256(f"{self.kind} {self.key} ".encode() + self.raw).hexdigest()


class StateSeen(msgspec.Struct, frozen=True, gc=False):
    """The station as it is; `state` is a StationState that has been decoded, as JSON. `replayed` as in `Incoming`."""

    station: str
    state: str
    replayed: bool = False


class PresenceSeen(msgspec.Struct, frozen=True, gc=False):
    """The station came or went. `replayed` as in `Incoming`."""

    station: str
    online: bool
    replayed: bool = False
    taken_over: int = 0
    """As the station says of its session."""


class ResultSeen(msgspec.Struct, frozen=True, gc=False):
    """What became of a command; `raw` are the bytes that came."""

    station: str
    result: CommandResult
    raw: bytes

    @property
    def misplaced(self) -> Spoilt:
        """As it is kept where it answers nothing that the station was told."""
        return Spoilt(self.station, None, RESULT, self.raw, "answers no command of this station")


Arrival = Arrived | Spoilt | StateSeen | PresenceSeen | ResultSeen


def is_memory(arrival: Arrival) -> bool:
    """Whether it is the broker that remembers, of a station that need not be there. One that it says is online is heard."""
    match arrival:
        case StateSeen():
            return arrival.replayed
        case PresenceSeen():
            return arrival.replayed and not arrival.online
        case _:
            return False


class Committed(msgspec.Struct, frozen=True):
    """What a commit made true: who is to be told what, and which pages have changed."""

    acked: tuple[tuple[str, Acked], ...]
    topics: frozenset[str]
    stored: int
    """New events."""
    quarantined: int
    conflicts: int
