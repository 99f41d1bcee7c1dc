"""Parser of what stations send: events and states as values, and a dead letter (quarantine) for what cannot be read.

>>> UnreadableMessage("entre-a", (1, 7), "events", b"{", "not an event").key
(1, 7)
"""

import hashlib

import msgspec

from fleet.messages.commands import MAX_RESULT_BYTES, CommandResult
from fleet.messages.events import Event, EventError, parse
from fleet.messages.link import Acked, MessageError, Presence, StationState, decode, encode
from fleet.messages.topics import station_of
from fleet.server.broker.transport import Incoming
from fleet.server.ingest.projections import EventFacts, facts_of

RESULT = "command result"
"""The kind of a spoilt one."""
Key = tuple[int, int]
"""(epoch, sequence)."""


class ArrivedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that fits every rule but its place in the chain; `raw` are the bytes that came. Made by `arrived_event`."""

    station: str
    event: Event
    raw: bytes
    said: EventFacts
    waited: bool = False
    """As in `Incoming`."""

    @property
    def key(self) -> Key:
        return self.event.epoch, self.event.sequence


def arrived_event(station: str, event: Event, raw: bytes, *, waited: bool = False) -> ArrivedEvent:
    """An event with all that can be known of it before it is stored. Never raises."""
    return ArrivedEvent(station, event, raw, facts_of(event), waited)


class UnreadableMessage(msgspec.Struct, frozen=True, gc=False):
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


class ArrivedState(msgspec.Struct, frozen=True, gc=False):
    """The station as it is; `state` is a StationState that has been decoded, as JSON. `replayed`, `waited` as in `Incoming`."""

    station: str
    state: str
    replayed: bool = False
    waited: bool = False


class ArrivedPresence(msgspec.Struct, frozen=True, gc=False):
    """The station came or went. `replayed` and `waited` as in `Incoming`."""

    station: str
    online: bool
    replayed: bool = False
    taken_over: int = 0
    """As the station says of its session."""
    waited: bool = False


class ArrivedResult(msgspec.Struct, frozen=True, gc=False):
    """Result of a command, as it arrived; `raw` are the bytes that came."""

    station: str
    result: CommandResult
    raw: bytes

    @property
    def misplaced(self) -> UnreadableMessage:
        """As it is kept where it answers nothing that the station was told."""
        return UnreadableMessage(self.station, None, RESULT, self.raw, "answers no command of this station")


Arrival = ArrivedEvent | UnreadableMessage | ArrivedState | ArrivedPresence | ArrivedResult


def is_spoken_now(arrival: Arrival) -> bool:
    """Return whether the station itself has just sent it: no last will, nothing that the broker kept and replays, and
    nothing that waited there for a server that was away."""
    match arrival:
        case ArrivedEvent():
            return not arrival.waited
        case ArrivedState():
            return not (arrival.replayed or arrival.waited)
        case ArrivedPresence():
            return arrival.online and not (arrival.replayed or arrival.waited)
        case _:
            return True


class Committed(msgspec.Struct, frozen=True):
    """Effects of a commit: who is to be told what, and which pages have changed."""

    acked: tuple[tuple[str, Acked], ...]
    topics: frozenset[str]
    stored: int
    """New events."""
    quarantined: int
    conflicts: int


MAX_STATE_BYTES = 64 * 1024


MAX_REASON = 200


Waiting = tuple[Incoming, Arrival | None]
"""A message, and what it says."""


def parse_waiting(message: Incoming) -> Waiting:
    return message, parse_message(message)


def parse_message(message: Incoming) -> Arrival | None:
    """Return the content of one message. None where its topic belongs to no station: such a message cannot be kept
    under any name."""
    station = station_of(message.topic)
    if station is None:
        return None
    kind = RESULT if message.topic.endswith(f"/{station}/commands/result") else message.topic.rsplit("/", 1)[1]
    try:
        if kind == "events":
            return _event(station, message)
        if kind == "state":
            return _state(station, message)
        if kind == "presence":
            presence = decode(Presence, message.payload)
            return ArrivedPresence(station, presence.online, message.replayed, presence.taken_over, message.waited)
        if kind == RESULT:
            return _result(station, message.payload)
    except (EventError, MessageError) as error:
        return UnreadableMessage(
            station, message.key if kind == "events" else None, kind, message.payload, str(error)[:MAX_REASON]
        )
    return UnreadableMessage(station, None, kind[:16], message.payload, "no topic of ours")


def _event(station: str, message: Incoming) -> ArrivedEvent:
    event = parse(message.payload)
    if event.station != station:
        raise EventError("source names another station than the topic")
    if message.key is not None and message.key != (event.epoch, event.sequence):
        raise EventError("epoch and sequence of the message are not those of the event")
    return arrived_event(station, event, message.payload, waited=message.waited)


def _state(station: str, message: Incoming) -> ArrivedState:
    if len(message.payload) > MAX_STATE_BYTES:
        raise MessageError(f"a state has at most {MAX_STATE_BYTES} bytes")
    state = encode(decode(StationState, message.payload)).decode()
    return ArrivedState(station, state, message.replayed, message.waited)


def _result(station: str, payload: bytes) -> ArrivedResult:
    if len(payload) > MAX_RESULT_BYTES:
        raise MessageError(f"a result has at most {MAX_RESULT_BYTES} bytes")
    return ArrivedResult(station, decode(CommandResult, payload), payload)


def unstorable(arrival: Arrival, reason: str) -> UnreadableMessage:
    fault = f"cannot be stored: {reason}"
    match arrival:
        case ArrivedEvent():
            return UnreadableMessage(arrival.station, arrival.key, "events", arrival.raw, fault)
        case UnreadableMessage():
            return UnreadableMessage(arrival.station, arrival.key, arrival.kind, arrival.raw, fault)
        case ArrivedState():
            return UnreadableMessage(arrival.station, None, "state", arrival.state.encode(), fault)
        case ArrivedPresence():
            return UnreadableMessage(arrival.station, None, "presence", b"", fault)
        case ArrivedResult():
            return UnreadableMessage(arrival.station, None, RESULT, arrival.raw, fault)
