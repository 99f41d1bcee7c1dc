"""Checkpoints: the station's own signature over how far its chain has come.

A hash chain alone shows that nothing was changed in the middle; whoever holds all of it could still make all of it anew. So the
station now and then signs the hash of its newest event, which stands for every event before it. The signed statement travels as
an event of the same chain, `EventType.CHAIN_CHECKPOINT`, right after the event that it names.

Rules of when (`is_due`): after every hundred events, and at least once a day. A chain that has no checkpoint yet gets one at its
first event, so that the fleet sees the station's certificate early. Where nothing was added since the last one, none is made.
A clock that jumps back does not stop them.

>>> read_checkpoint(encode_checkpoint(Checkpoint("entre-a", 1, 99, "0" * 64, "2026-01-01T00:00:00Z"))).sequence
99
"""

from datetime import datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate

from fleet.messages import statements

TYP = "kortkiosk.checkpoint+jws"
EVERY_EVENTS = 100
EVERY = timedelta(days=1)


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`hash` is the SHA-256 of the exact envelope at `sequence`. `time` is the station's clock, RFC 3339 with a zone."""

    station: str
    epoch: int
    sequence: int
    hash: str
    time: str

    @property
    def at(self) -> datetime:
        """`time`, aware. Raises ValueError."""
        moment = datetime.fromisoformat(self.time)
        if moment.tzinfo is None:
            raise ValueError("the time of a checkpoint has a zone")
        return moment


def is_due(head: int, last: tuple[int, datetime] | None, now: datetime) -> bool:
    """Return whether a chain that ends at `head` is due for one. `last`: event sequence of its last checkpoint, and its time."""
    if last is None:
        return head > 0
    sequence, at = last
    added = head - sequence
    return added > 0 and (added >= EVERY_EVENTS or abs(now - at) >= EVERY)


def content_of(checkpoint: Checkpoint, key: EllipticCurvePrivateKey, certificate: Certificate) -> dict[str, str]:
    """Signed, as the data of its event."""
    return {"jws": statements.sign(key, certificate, TYP, encode_checkpoint(checkpoint))}


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    return msgspec.json.encode(checkpoint)


def read_checkpoint(payload: bytes) -> Checkpoint:
    """Decode the checkpoint that was signed. Raises ValueError."""
    try:
        checkpoint = msgspec.json.decode(payload, type=Checkpoint)
        _ = checkpoint.at
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no checkpoint: {error}") from None
    return checkpoint
