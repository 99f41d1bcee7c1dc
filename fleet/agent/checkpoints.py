"""Checkpoint signer of the station: after every hundred events, and at least once a day, it signs how far its chain has come.

Rules: the statement is an event of the chain, in the transaction of the event before it; when one is due is the contract's rule
(`fleet.messages.checkpoints`).
"""

import sqlite3
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate

from fleet.agent import outbox
from fleet.agent.outbox import EventChain
from fleet.messages.checkpoints import Checkpoint, content_of, is_due
from fleet.messages.vocabulary import EventType

SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoint (
    station TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, time TEXT NOT NULL,
    PRIMARY KEY (station, epoch)
) STRICT;
"""


class Checkpoints:
    """Makes them in one chain, under the station's key; its certificate travels with each."""

    def __init__(self, key: EllipticCurvePrivateKey, certificate: Certificate, chain: EventChain) -> None:
        self._key = key
        self._certificate = certificate
        self._chain = chain

    def renew(self, key: EllipticCurvePrivateKey, certificate: Certificate) -> None:
        """Sign with these from now on."""
        self._key, self._certificate = key, certificate

    def follow(self, cx: sqlite3.Connection, now: str) -> bool:
        """Add a checkpoint where one is due, inside the caller's transaction. `now` is RFC 3339 in UTC. Says whether it did."""
        chain, epoch = self._chain, outbox.current_epoch(cx, self._chain)
        sequence, hash_ = outbox.head(cx, chain.station, epoch)
        if not is_due(sequence, _last(cx, chain.station, epoch), datetime.fromisoformat(now)):
            return False
        statement = Checkpoint(chain.station, epoch, sequence, hash_, now)
        content = content_of(statement, self._key, self._certificate)
        event = outbox.append(cx, chain, EventType.CHAIN_CHECKPOINT, now, None, content)
        cx.execute(
            "INSERT INTO checkpoint VALUES (?, ?, ?, ?)"
            " ON CONFLICT (station, epoch) DO UPDATE SET sequence = excluded.sequence, time = excluded.time",
            (chain.station, epoch, event.sequence, now),
        )
        return True


def _last(cx: sqlite3.Connection, station: str, epoch: int) -> tuple[int, datetime] | None:
    row = cx.execute(
        "SELECT sequence, time FROM checkpoint WHERE station = ? AND epoch = ?", (station, epoch)
    ).fetchone()
    return None if row is None else (int(row[0]), datetime.fromisoformat(row[1]))
