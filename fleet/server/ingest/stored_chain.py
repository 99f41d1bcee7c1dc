"""Stored chain of a station, to compare with what the station says: its chain as one digest, its checkpoints with their
verdicts, its answers to commands.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from fleet.server.checkpoints.tables import checkpoints
from fleet.server.commands.tables import commands
from fleet.server.events.tables import events
from fleet.server.stations.tables import stations


@dataclass(frozen=True, slots=True)
class HeldChain:
    """`digest`: SHA-256 over the exact envelopes in the order of their sequence."""

    count: int
    last: int
    digest: str


def held_chain(connection: Connection, station: str, epoch: int) -> HeldChain:
    """Read all of one chain. A station that is not known has an empty one."""
    here = and_(stations.c.name == station, events.c.epoch == epoch)
    query = select(events.c.sequence, events.c.envelope).join(stations, stations.c.id == events.c.station).where(here)
    count, last, digest = 0, 0, hashlib.sha256()
    for row in connection.execute(query.order_by(events.c.sequence)):
        count, last = count + 1, row.sequence
        digest.update(row.envelope)
    return HeldChain(count, last, digest.hexdigest())


def held_verdicts(connection: Connection, station: str, epoch: int) -> list[str | None]:
    """What was found of each checkpoint of that chain, in the order of their sequence; None where it is not judged yet."""
    here = and_(stations.c.name == station, checkpoints.c.epoch == epoch)
    query = select(checkpoints.c.verdict).join(stations, stations.c.id == checkpoints.c.station).where(here)
    return list(connection.execute(query.order_by(checkpoints.c.sequence)).scalars())


def held_answer(connection: Connection, station: str, sequence: int) -> tuple[str, str] | None:
    """Digest and state of the command with that sequence; None where the station was told none."""
    place = and_(commands.c.station == station, commands.c.sequence == sequence)
    row = connection.execute(select(commands.c.digest, commands.c.state).where(place)).first()
    return None if row is None else (row.digest, row.state)
