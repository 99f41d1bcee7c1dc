"""Verification of a simulation (`simulate --verify`): differences between what stations sent and what the server holds.

Compared are the chains to the byte, with data and salts; the checkpoints in them, all of which must be genuine by the server's
own judgement; the answers to commands; and all that `kortkiosk-fleet verify-store` looks at (columns, the chain's row, read
models made anew). What the server has not judged yet is judged here, by the same rules. An answer is not in the outbox: the
server may still be taking it when the stations have left, so answers are looked for a while.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from fleet.messages.statements import Authorities
from fleet.server.checkpoints.service import CheckpointVerdict, judge
from fleet.server.checkpoints.tables import checkpoints
from fleet.server.commands.tables import commands
from fleet.server.database.database import Database, open_database
from fleet.server.database.database_url import Place
from fleet.server.events.tables import events
from fleet.server.integrity.service import MOST, check_store
from fleet.server.server import utc_now
from fleet.server.stations.tables import stations
from sim.fleet.simulation import SentEvents

PATIENCE_S = 30.0
LOOK_EVERY_S = 0.2


def differences(
    place: Place, authorities: Authorities, sent: Sequence[SentEvents], pause: Callable[[float], None] = time.sleep
) -> list[str]:
    """All of them. `authorities`: the fleet's. Raises StoreError, SQLAlchemyError."""
    with open_database(place) as database:
        judge(database, authorities, utc_now())
        unanswered = _unanswered(database, sent, pause)
        with database.reading.begin() as connection:
            of_stations = [*_of_chains(connection, sent), *_of_checkpoints(connection, sent), *unanswered]
        check = check_store(database, stations={station.station for station in sent})
        more = [f"{check.count - MOST} differences more"] if check.count > MOST else []
        return [*of_stations, *map(str, check.differences), *more]


def _of_chains(connection: Connection, sent: Sequence[SentEvents]) -> Iterator[str]:
    for station in sent:
        chain = held_chain(connection, station.station, station.epoch)
        if (chain.count, chain.last, chain.digest) != (station.last, station.last, station.digest):
            label = "other bytes" if chain.count == chain.last == station.last else f"{chain.count} up to {chain.last}"
            yield f"{station.station}: {station.last} events were sent in epoch {station.epoch}, held are {label}"


def _of_checkpoints(connection: Connection, sent: Sequence[SentEvents]) -> Iterator[str]:
    for station in sent:
        verdicts = held_verdicts(connection, station.station, station.epoch)
        genuine = verdicts.count(CheckpointVerdict.GOOD)
        if (len(verdicts), genuine) != (station.checkpoints, station.checkpoints):
            counts = f"{len(verdicts)} held, {genuine} of them genuine"
            yield f"{station.station}: {station.checkpoints} checkpoints were sent in epoch {station.epoch}, {counts}"


def _unanswered(database: Database, sent: Sequence[SentEvents], pause: Callable[[float], None]) -> list[str]:
    """Looked for again and again while there are any, for at most the patience."""
    for _ in range(round(PATIENCE_S / LOOK_EVERY_S)):
        with database.reading.begin() as connection:
            unanswered = list(_of_answers(connection, sent))
        if not unanswered:
            break
        pause(LOOK_EVERY_S)
    return unanswered


def _of_answers(connection: Connection, sent: Sequence[SentEvents]) -> Iterator[str]:
    for station in sent:
        for answer in station.answered:
            stored = held_answer(connection, station.station, answer.sequence)
            if stored != (answer.digest, answer.outcome):
                what_is_held = (
                    "nothing" if stored is None else stored[1] if stored[0] == answer.digest else "another command"
                )
                yield f"{station.station}: command {answer.sequence} was answered {answer.outcome!r}, held is {what_is_held}"


@dataclass(frozen=True, slots=True)
class HeldChain:
    """`digest`: SHA-256 over envelope, salt and data, exact bytes in the order of their sequence."""

    count: int
    last: int
    digest: str


def held_chain(connection: Connection, station: str, epoch: int) -> HeldChain:
    """Read all of one chain. A station that is not known has an empty one."""
    here = and_(stations.c.name == station, events.c.epoch == epoch)
    query = (
        select(events.c.sequence, events.c.envelope, events.c.salt, events.c.data)
        .join(stations, stations.c.id == events.c.station)
        .where(here)
    )
    count, last, digest = 0, 0, hashlib.sha256()
    for row in connection.execute(query.order_by(events.c.sequence)):
        count, last = count + 1, row.sequence
        for part in (row.envelope, row.salt, row.data):
            digest.update(part.encode() if isinstance(part, str) else part or b"")
    return HeldChain(count, last, digest.hexdigest())


def held_verdicts(connection: Connection, station: str, epoch: int) -> list[str | None]:
    """Return the verdict on each checkpoint of that chain, in the order of their sequence; None where it is not judged yet."""
    here = and_(stations.c.name == station, checkpoints.c.epoch == epoch)
    query = select(checkpoints.c.verdict).join(stations, stations.c.id == checkpoints.c.station).where(here)
    return list(connection.execute(query.order_by(checkpoints.c.sequence)).scalars())


def held_answer(connection: Connection, station: str, sequence: int) -> tuple[str, str] | None:
    """Digest and state of the command with that sequence; None where the station was told none."""
    place = and_(commands.c.station == station, commands.c.sequence == sequence)
    row = connection.execute(select(commands.c.digest, commands.c.state).where(place)).first()
    return None if row is None else (row.digest, row.state)
