"""Checkpoints of a simulated station: by the rule of real ones, under its own key, in its own chain.

Rules: key and certificate are read at the first one, so that thousands of stations come up fast; after that a checkpoint is one
signature for a hundred events.
"""

from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from fleet.messages.checkpoints import Checkpoint, content_of, is_due
from fleet.messages.vocabulary import EventType
from sim.fleet.outbox import Outbox

OwnKey = tuple[EllipticCurvePrivateKey, x509.Certificate]


class SimulatedCheckpoints:
    """Of one chain. `count`: how many were made."""

    def __init__(self, own: Callable[[], OwnKey]) -> None:
        self._own = own
        self._read: OwnKey | None = None
        self._last: tuple[int, datetime] | None = None
        self.count = 0

    def follow(self, outbox: Outbox, bootid: str, now: datetime, written: str) -> bool:
        """Add one where it is due. `written` is `now` in RFC 3339. Says whether it did. Raises OSError, ValueError."""
        if not is_due(outbox.last, self._last, now):
            return False
        if self._read is None:
            self._read = self._own()
        statement = Checkpoint(outbox.station, outbox.epoch, outbox.last, outbox.head, written)
        event = outbox.append(bootid, EventType.CHAIN_CHECKPOINT, written, None, {**content_of(statement, *self._read)})
        self._last = (event.sequence, now)
        self.count += 1
        return True
