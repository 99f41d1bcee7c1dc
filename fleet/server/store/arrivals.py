"""What can arrive from a station, as values: the store takes a batch of them in one transaction.

>>> Spoilt("entre-a", (1, 7), "events", b"{", "not an event").key
(1, 7)
"""

import hashlib
from dataclasses import dataclass

from fleet.messages.events import Event
from fleet.messages.link import Acked

Key = tuple[int, int]
"""(epoch, sequence)."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event that fits every rule but its place in the chain; `raw` are the bytes that came."""

    station: str
    event: Event
    raw: bytes

    @property
    def key(self) -> Key:
        """(epoch, sequence)."""
        return self.event.epoch, self.event.sequence


@dataclass(frozen=True, slots=True)
class Spoilt:
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


@dataclass(frozen=True, slots=True)
class StateSeen:
    """The station as it is; `state` is a StationState that has been decoded, as JSON."""

    station: str
    state: str


@dataclass(frozen=True, slots=True)
class PresenceSeen:
    """The station came or went."""

    station: str
    online: bool


Arrival = Arrived | Spoilt | StateSeen | PresenceSeen


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit made true: who is to be told what, and which pages have changed."""

    acked: tuple[tuple[str, Acked], ...]
    topics: frozenset[str]
    stored: int
    """New events."""
    quarantined: int
    conflicts: int
