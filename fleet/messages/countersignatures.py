"""Countersignatures: the server's own statement that it held a station's checkpoint at a time of its own clock.

A checkpoint states the station's time, and whoever has stolen the station's key states any time. The server signs what it got and
when, with the key of its own certificate, so that a later revocation can be compared with a time that the station did not choose.

>>> statement = Countersignature("entre-a", 1, 99, "0" * 64, "1" * 64, "2026-01-01T00:00:00Z")
>>> read_countersignature(encode_countersignature(statement)).sequence
99
"""

import hashlib
from datetime import UTC, datetime

import msgspec

TYP = "kortkiosk.countersignature+jws"


class Countersignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sequence` and `hash` are those that the checkpoint states; `checkpoint` is the SHA-256 of its exact text; `received` is
    the server's clock when it judged it, RFC 3339 with a zone."""

    station: str
    epoch: int
    sequence: int
    hash: str
    checkpoint: str
    received: str

    @property
    def at(self) -> datetime:
        """`received`, aware. Raises ValueError."""
        moment = datetime.fromisoformat(self.received)
        if moment.tzinfo is None:
            raise ValueError("the time of a countersignature has a zone")
        return moment


def digest_of(checkpoint: str) -> str:
    """Return the SHA-256 of this signed text, as `checkpoint` holds it."""
    return hashlib.sha256(checkpoint.encode()).hexdigest()


def stated_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def encode_countersignature(statement: Countersignature) -> bytes:
    return msgspec.json.encode(statement)


def read_countersignature(payload: bytes) -> Countersignature:
    """Decode the countersignature that was signed. Raises ValueError."""
    try:
        statement = msgspec.json.decode(payload, type=Countersignature)
        _ = statement.at
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no countersignature: {error}") from None
    return statement
