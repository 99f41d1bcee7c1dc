"""Verification of stations' checkpoints, apart from ingest: a signature that does not fit must not stop the stream.

Rules: a checkpoint is good where it is signed with a key that the fleet's authority has vouched for at that time under the
station's name, names its own chain, and states the hash of the very event that is stored in front of it. The first good one pins
the key of its epoch. Anything else is an alarm that the chain is broken, with the word why. With its verdict each good one gets
the server's countersignature, which states when the server had it.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import ColumnElement, Connection, and_, select

from fleet.messages.checkpoints import TYP, read_checkpoint
from fleet.messages.countersignatures import TYP as COUNTERSIGNATURE_TYP
from fleet.messages.countersignatures import digest_of, read_countersignature
from fleet.messages.events import Event
from fleet.messages.statements import (
    Authorities,
    SignedStatement,
    StatementError,
    fault_of,
    load_certificate,
    name_of,
    verify_statement,
)
from fleet.server.checkpoints.countersigning import Countersigner, VerifiedCheckpoint, countersign_missing
from fleet.server.checkpoints.tables import checkpoints, countersignatures, station_certificates
from fleet.server.database.bulk import Put, put_all
from fleet.server.database.database import READ_FAULTS, Database
from fleet.server.events.model import Difference
from fleet.server.events.queries import Place, events_at
from fleet.server.ingest.projections import checkpoint_text
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.stations.alarms import CHAIN_BROKEN, Alarm, alarm_rows
from fleet.server.stations.tables import stations

LOOK_EVERY_S = 15.0
BATCH = 200

_log = logging.getLogger(__name__)


class CheckpointVerdict(StrEnum):
    """The server's finding about a checkpoint."""

    GOOD = "good"
    UNREADABLE = "unreadable"
    """No signed statement, or the signature does not fit."""
    STRANGER = "stranger"
    """Signed, but with no key that the fleet's authority vouched for at that time under this name."""
    OTHER_KEY = "other_key"
    """Signed with another key than this epoch began with."""
    OTHER_CHAIN = "other_chain"
    """Well signed, and not about the event that is stored in front of it."""


class CheckpointService:
    """Judges what has come, every few seconds."""

    def __init__(
        self, database: Database, countersigner: Countersigner, changes: Changes, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._countersigner = countersigner
        self._changes = changes
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. A database that is away is tried again."""
        caught_up = False
        while True:
            try:
                if not caught_up:
                    await asyncio.to_thread(countersign_missing, self._database, self._countersigner, self._clock())
                    caught_up = True
                names = await asyncio.to_thread(self._judge, self._clock())
                if names:
                    self._changes.publish(frozenset(Topic.STATION.of(name) for name in names))
            except READ_FAULTS as error:
                _log.error("checkpoints cannot be judged just now: %s", type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    def _judge(self, now: datetime) -> frozenset[str]:
        return judge(self._database, self._countersigner.authorities, now, self._countersigner)


def judge(
    database: Database, authorities: Authorities, now: datetime, countersigner: Countersigner | None = None
) -> frozenset[str]:
    """Judge all checkpoints that have no verdict. Gives the stations that had any. Raises SQLAlchemyError.

    What takes time is done while others may write: only the verdicts are written under the lock.
    """
    names: set[str] = set()
    while True:
        with database.reading.begin() as connection:
            batch = _read(connection, authorities)
        if not batch.rows:
            return frozenset(names)
        verdicts = [(row, _verdict(batch, row)) for row in batch.rows]
        countersigned = [countersigner.sign(checkpoint, now) for checkpoint in batch.good] if countersigner else []
        with database.writing.begin() as connection:
            _write(connection, batch, verdicts, now, countersigned)
        names |= {row.name for row in batch.rows}


def check_judged(connection: Connection, station: int, epoch: int, after: int = 0) -> Iterator[Difference]:
    """Yield what a second look at the judged checkpoints of a chain, after that sequence, finds otherwise than the first did:
    verdicts, certificates that were kept for them, countersignatures. A certificate that was believed is believed: its
    authority may be forgotten since. Changes nothing. Raises sqlalchemy.exc.SQLAlchemyError."""
    while True:
        here = and_(checkpoints.c.station == station, checkpoints.c.epoch == epoch, checkpoints.c.sequence > after)
        rows = _rows(connection, and_(here, checkpoints.c.verdict.is_not(None)))
        if not rows:
            return
        batch = _batch(connection, None, rows)
        words = _words(connection, rows)
        for row in rows:
            key, verdict = f"{epoch}:{row.sequence}", _verdict(batch, row)
            if verdict != row.verdict:
                yield Difference("differs", row.name, "checkpoints", key, "verdict", row.verdict, verdict.value)
            jws = words.get(row.sequence)
            if jws is not None and not (batch.good and _is_about(batch.good[-1], row.sequence, jws)):
                yield Difference("unproved", row.name, "countersignatures", key)
        if batch.fresh:  # it was kept when the first good one was judged
            yield Difference("missing", rows[0].name, "station_certificates", str(epoch))
        after = rows[-1].sequence


def _words(connection: Connection, rows: Sequence[Any]) -> dict[int, str]:
    table, first, last = countersignatures.c, rows[0], rows[-1]
    here = and_(table.station == first.station, table.epoch == first.epoch)
    query = select(table.sequence, table.jws).where(here, table.sequence.between(first.sequence, last.sequence))
    return {row.sequence: row.jws for row in connection.execute(query)}


def _is_about(good: VerifiedCheckpoint, sequence: int, jws: str) -> bool:
    """Return whether it is the server's signed word about just this checkpoint."""
    try:
        word = read_countersignature(verify_statement(jws, COUNTERSIGNATURE_TYP).payload)
    except (StatementError, ValueError):
        return False
    return good.sequence == sequence and word.checkpoint == digest_of(good.text)


@dataclass(slots=True)
class _Batch:
    """Checkpoints without a verdict, and what they are judged by."""

    authorities: Authorities | None
    """None: it is not asked again who vouches for a certificate, only whether it is one of those that were believed."""
    rows: list[Any]
    events: Mapping[Place, Event | None]
    known: dict[tuple[int, int], list[bytes]]
    """Certificates (DER) of each station's key and epoch."""
    fresh: list[tuple[int, int, bytes]] = field(default_factory=list)
    good: list[VerifiedCheckpoint] = field(default_factory=list)


def _read(connection: Connection, authorities: Authorities) -> _Batch:
    return _batch(connection, authorities, _rows(connection, checkpoints.c.verdict.is_(None)))


def _rows(connection: Connection, which: ColumnElement[bool]) -> list[Any]:
    """The next of them, by their place."""
    query = select(checkpoints, stations.c.name).join(stations, stations.c.id == checkpoints.c.station)
    order = (checkpoints.c.station, checkpoints.c.epoch, checkpoints.c.sequence)
    return list(connection.execute(query.where(which).order_by(*order).limit(BATCH)))


def _batch(connection: Connection, authorities: Authorities | None, rows: list[Any]) -> _Batch:
    places = [(row.station, row.epoch, row.sequence - back) for row in rows for back in (0, 1)]
    by_epoch: dict[tuple[int, int], list[bytes]] = {}
    theirs = station_certificates.c.station.in_(sorted({row.station for row in rows}))
    for certificate in connection.execute(select(station_certificates).where(theirs)):
        by_epoch.setdefault((certificate.station, certificate.epoch), []).append(certificate.der)
    return _Batch(authorities, rows, events_at(connection, places), by_epoch)


def _write(
    connection: Connection,
    batch: _Batch,
    verdicts: Sequence[tuple[Any, CheckpointVerdict]],
    now: datetime,
    countersigned: Sequence[Mapping[str, Any]],
) -> None:
    places = [{name: getattr(row, name) for name in ("station", "epoch", "sequence")} for row, _ in verdicts]
    judged = [
        {**place, "at": row.at, "verdict": verdict} for place, (row, verdict) in zip(places, verdicts, strict=True)
    ]
    kept = [
        {"station": station, "epoch": epoch, "thumbprint": hashlib.sha256(der).hexdigest(), "der": der, "seen": now}
        for station, epoch, der in batch.fresh
    ]
    bad = [(row, verdict) for row, verdict in verdicts if verdict is not CheckpointVerdict.GOOD]
    alarms = alarm_rows(
        [Alarm(row.name, CHAIN_BROKEN, f"{row.epoch}:{row.sequence} {verdict}") for row, verdict in bad], now
    )
    certificates, words = Put(station_certificates, kept, ()), Put(countersignatures, countersigned, ())
    put_all(connection, [Put(checkpoints, judged, ("verdict",)), certificates, words, alarms])


def _verdict(batch: _Batch, row: Any) -> CheckpointVerdict:
    event = batch.events[row.station, row.epoch, row.sequence]
    before = batch.events[row.station, row.epoch, row.sequence - 1]
    try:
        text = checkpoint_text((event and event.data) or b"")
        statement = verify_statement(text, TYP)
        stated = read_checkpoint(statement.payload)
    except (StatementError, ValueError, msgspec.MsgspecError):
        return CheckpointVerdict.UNREADABLE
    vouching = batch.authorities
    fault = None if vouching is None else fault_of(statement.certificate, vouching, stated.at)
    if fault is not None or name_of(statement.certificate) != row.name:
        return CheckpointVerdict.STRANGER
    place = (row.name, row.epoch, row.sequence - 1)
    if event is None or (stated.station, stated.epoch, stated.sequence) != place or stated.hash != event.prev:
        return CheckpointVerdict.OTHER_CHAIN
    if before is not None and before.hash != stated.hash:
        return CheckpointVerdict.OTHER_CHAIN
    if not _pinned(batch, row, statement):
        return CheckpointVerdict.OTHER_KEY
    batch.good.append(VerifiedCheckpoint(row.station, row.sequence, text, stated))
    return CheckpointVerdict.GOOD


def _pinned(batch: _Batch, row: Any, statement: SignedStatement) -> bool:
    """Return whether the key is that of the epoch. The first one becomes it; a new certificate of the same key is kept too."""
    kept_ders = batch.known.setdefault((row.station, row.epoch), [])
    der = statement.certificate.public_bytes(Encoding.DER)
    if der in kept_ders:
        return True
    if any(load_certificate(kept).public_key() != statement.certificate.public_key() for kept in kept_ders):
        return False
    kept_ders.append(der)
    batch.fresh.append((row.station, row.epoch, der))
    return True
