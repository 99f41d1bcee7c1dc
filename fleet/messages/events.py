"""Events: CloudEvents 1.0 in a hash chain whose data can be erased and that still checks.

An event is an *envelope* (CloudEvents attributes and the extensions `epoch`, `sequence`, `bootid`, `prev`, `datahash`) and its
*data*. `datahash` is SHA-256 over a random salt and the exact data bytes; `prev` is the SHA-256 of the exact envelope
before (64 zeros in front of the first of an epoch). Erasing drops data and salt; the envelopes alone still prove the chain.

On the wire an event is one CloudEvents JSON object whose last two members are `data` and `datasalt`, in that order and
without white space between; everything before them is the envelope. So both sides can cut the exact bytes out again
without agreeing on a canonical form:

>>> event = seal(Facts("entre-a", 1, 7, "boot", "se.kortkiosk.station.started", "2026-01-01T00:00:00Z"), {"version": "0.1.0"})
>>> parse(event.wire).envelope == event.envelope
True

An event that breaks any rule here is refused with `EventError`; the server quarantines it and goes on. A station whose file was
damaged sends what is left of an event behind `DAMAGED`, so that it is never read as an event, whatever the damage has made of it.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import msgspec

from fleet.messages.link import parse_reason

GENESIS = "0" * 64
MAX_WIRE_BYTES = 64 * 1024
DAMAGED = b"damaged\n"
"""What a station puts before the bytes of an event that are not those it sealed. No JSON begins like this."""
MAX_SEQUENCE = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 section 6)."""

_SOURCE = "/kortkiosk/stations/"

EPOCH_PROPERTY = "epoch"
SEQUENCE_PROPERTY = "sequence"
"""MQTT user properties that carry the key, so that even an event that cannot be decoded is counted as held."""


class EventError(ValueError):
    """The bytes are no event of ours. The text names the rule that is broken, never the data."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The station's statements about an event, before it is sealed. `time` is RFC 3339 in UTC."""

    station: str
    epoch: int
    sequence: int
    bootid: str
    type: str
    time: str
    subject: str | None = None
    prev: str = GENESIS


class Event(msgspec.Struct, frozen=True, gc=False):
    """One sealed event. `envelope` and `data` are exact bytes; `data` and `salt` are None once erased."""

    id: str
    station: str
    epoch: int
    sequence: int
    bootid: str
    type: str
    time: str
    subject: str | None
    prev: str
    datahash: str
    envelope: bytes
    data: bytes | None
    salt: str | None
    hash: str
    """SHA-256 of the exact envelope: the `prev` of the event after."""

    @property
    def wire(self) -> bytes:
        """The exact bytes that are published. Raises EventError where the data has been erased."""
        if self.data is None or self.salt is None:
            raise EventError("the data of this event has been erased: it cannot be sent again")
        return self.envelope[:-1] + _tail(self.data, self.salt)

    def content(self) -> dict[str, Any]:
        """The data as an object; empty once erased."""
        if self.data is None:
            return {}
        content: dict[str, Any] = msgspec.json.decode(self.data)
        return content


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    epoch: int
    sequence: int
    bootid: str
    prev: str
    datahash: str
    subject: str | None = None


class Wire(_Envelope, forbid_unknown_fields=True, kw_only=True):
    """An event as it travels: the envelope's attributes, then the data and its salt."""

    data: msgspec.Raw
    datasalt: str


_wire_decoder = msgspec.json.Decoder(Wire)
_envelope_decoder = msgspec.json.Decoder(_Envelope)


def seal(facts: Facts, content: dict[str, Any]) -> Event:
    """Make the event: a new id and salt, the data hashed, the envelope's exact bytes fixed for good."""
    data = msgspec.json.encode(content)
    salt = secrets.token_hex(32)
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source_of(facts.station),
        "type": facts.type,
        "time": facts.time,
        "datacontenttype": "application/json",
        "epoch": facts.epoch,
        "sequence": facts.sequence,
        "bootid": facts.bootid,
        "prev": facts.prev,
        "datahash": data_hash(salt, data),
    }
    if facts.subject is not None:
        attributes["subject"] = facts.subject
    return restore(msgspec.json.encode(attributes), data, salt)


def restore(envelope: bytes, data: bytes | None, salt: str | None) -> Event:
    """Make an event of stored parts. Raises EventError."""
    try:
        fields = _envelope_decoder.decode(envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"envelope: {parse_reason(error)}") from None
    return _checked(fields, envelope, data, salt)


def reseal(event: Event, epoch: int, sequence: int, prev: str) -> Event:
    """The same event at another place: in a chain that the station began anew. Raises EventError where its data was erased."""
    if event.data is None or event.salt is None:
        raise EventError("the data of this event has been erased: it cannot be sealed again")
    attributes = msgspec.json.decode(event.envelope) | {"epoch": epoch, "sequence": sequence, "prev": prev}
    return restore(msgspec.json.encode(attributes), event.data, event.salt)


def damaged_wire(*parts: bytes) -> bytes:
    """Return the bytes to publish of an event that lies damaged: what there is of it, as it is."""
    return (DAMAGED + b"\n".join(parts))[:MAX_WIRE_BYTES]


def parse(wire: bytes) -> Event:
    """Read an event from the wire and check every rule but its place in the chain. Raises EventError."""
    if wire.startswith(DAMAGED):
        raise EventError("it was damaged at the station, which has sent what is left of it")
    if len(wire) > MAX_WIRE_BYTES:
        raise EventError(f"an event has at most {MAX_WIRE_BYTES} bytes, this one has {len(wire)}")
    try:
        wire.decode()  # the decoder does not look inside the data
        fields = _wire_decoder.decode(wire)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"not an event: {parse_reason(error)}") from None
    data = bytes(fields.data)
    tail = _tail(data, fields.datasalt)
    if not wire.endswith(tail):
        raise EventError("layout: the last two members must be data and datasalt, without white space")
    return _checked(fields, wire[: -len(tail)] + b"}", data, fields.datasalt)


def data_hash(salt: str, data: bytes) -> str:
    """SHA-256 over salt and exact data bytes, as lower-case hex."""
    return hashlib.sha256(salt.encode() + data).hexdigest()


def source_of(station: str) -> str:
    """The CloudEvents `source` of a station: a relative URI reference."""
    return _SOURCE + station


def _tail(data: bytes, salt: str) -> bytes:
    return b',"data":' + data + b',"datasalt":"' + salt.encode() + b'"}'


def _checked(fields: _Envelope, envelope: bytes, data: bytes | None, salt: str | None) -> Event:
    if fields.specversion != "1.0" or not fields.source.startswith(_SOURCE):
        raise EventError("specversion must be 1.0 and source a station of ours")
    if not 1 <= fields.epoch <= MAX_SEQUENCE or not 1 <= fields.sequence <= MAX_SEQUENCE:
        raise EventError("epoch and sequence must be whole numbers from 1")
    if data is not None and salt is not None and data_hash(salt, data) != fields.datahash:
        raise EventError("datahash does not fit data and datasalt")
    return Event(
        id=fields.id,
        station=fields.source.removeprefix(_SOURCE),
        epoch=fields.epoch,
        sequence=fields.sequence,
        bootid=fields.bootid,
        type=fields.type,
        time=fields.time,
        subject=fields.subject,
        prev=fields.prev,
        datahash=fields.datahash,
        envelope=envelope,
        data=data,
        salt=salt,
        hash=hashlib.sha256(envelope).hexdigest(),
    )
