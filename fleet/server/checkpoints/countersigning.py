"""Countersigning of checkpoints: the server states, under its own certificate, when it held each.

Rules: a checkpoint is countersigned once, in the transaction that calls it good, and never anew: a later word would only state a
later time. One that was judged before there were countersignatures, or by another process, gets its word at the next start.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, select

from fleet.messages import statements
from fleet.messages.checkpoints import TYP as CHECKPOINT_TYP
from fleet.messages.checkpoints import Checkpoint, read_checkpoint
from fleet.messages.countersignatures import TYP, Countersignature, digest_of, encode_countersignature, stated_time
from fleet.messages.events import Event
from fleet.messages.statements import Authorities, StatementError, verify_statement
from fleet.server.checkpoints.tables import checkpoints, countersignatures
from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import Database
from fleet.server.events.queries import events_at
from fleet.server.evidence.signature import Seal
from fleet.server.ingest.projections import checkpoint_text

PAGE = 200
GOOD = "good"


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A good checkpoint: the row of its station, the sequence of its own event, its exact text and what that states."""

    station: int
    sequence: int
    text: str
    stated: Checkpoint


@dataclass(frozen=True, slots=True)
class Countersigner:
    """Signs with the key of the server's certificate."""

    seal: Seal

    @property
    def authorities(self) -> Authorities:
        return self.seal.authorities

    def sign(self, checkpoint: VerifiedCheckpoint, now: datetime) -> dict[str, Any]:
        """The row of the countersignature."""
        stated = checkpoint.stated
        moment = stated_time(now)
        word = Countersignature(
            stated.station, stated.epoch, stated.sequence, stated.hash, digest_of(checkpoint.text), moment
        )
        jws = statements.sign(self.seal.key, self.seal.certificate, TYP, encode_countersignature(word))
        place = {"station": checkpoint.station, "epoch": stated.epoch, "sequence": checkpoint.sequence}
        return {**place, "jws": jws, "received": word.at}


def countersign_missing(database: Database, countersigner: Countersigner, now: datetime) -> int:
    """Countersign every good checkpoint that has no word yet; gives how many. Raises SQLAlchemyError."""
    after, count = (0, 0, 0), 0
    while True:
        with database.reading.begin() as connection:
            places = _without(connection, after)
            events = events_at(connection, places)
        if not places:
            return count
        rows = [countersigner.sign(checkpoint, now) for place in places if (checkpoint := _held(place, events[place]))]
        with database.writing.begin() as connection:
            put_all(connection, [Put(countersignatures, rows, ())])
        after, count = places[-1], count + len(rows)


def _without(connection: Connection, after: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The next places of good checkpoints without a word."""
    place = (checkpoints.c.station, checkpoints.c.epoch, checkpoints.c.sequence)
    same = and_(*(countersignatures.c[column.name] == column for column in place))
    query = select(*place).outerjoin(countersignatures, same).where(countersignatures.c.station.is_(None))
    station, epoch, sequence = place
    later = (station > after[0]) | (
        (station == after[0]) & ((epoch > after[1]) | ((epoch == after[1]) & (sequence > after[2])))
    )
    ordered = query.where(checkpoints.c.verdict == GOOD, later).order_by(*place).limit(PAGE)
    return [(row.station, row.epoch, row.sequence) for row in connection.execute(ordered)]


def _held(place: tuple[int, int, int], event: Event | None) -> VerifiedCheckpoint | None:
    """None where the store no longer holds what it called good."""
    try:
        text = checkpoint_text((event and event.data) or b"")
        return VerifiedCheckpoint(
            place[0], place[2], text, read_checkpoint(verify_statement(text, CHECKPOINT_TYP).payload)
        )
    except (StatementError, ValueError, msgspec.MsgspecError):
        return None
