"""Verification of a simulation (`simulate --verify`): differences between what stations sent and what the server holds.

Compared are the chains to the byte; the checkpoints in them, all of which must be genuine by the server's own judgement; and the
answers to commands. What the server has not judged yet is judged here, by the same rules. An answer is not in the outbox: the
server may still be taking it when the stations have left, so answers are looked for a while.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from fleet.messages.statements import Authorities
from fleet.server.checkpoints.service import CheckpointVerdict, judge
from fleet.server.ingest.stored_chain import held_answer, held_chain, held_verdicts
from fleet.server.platform.database.database import Database, open_database
from fleet.server.platform.database.database_url import Place
from fleet.server.server import utc_now
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
            return [*_of_chains(connection, sent), *_of_checkpoints(connection, sent), *unanswered]


def _of_chains(connection: Connection, sent: Sequence[SentEvents]) -> Iterator[str]:
    for station in sent:
        held = held_chain(connection, station.station, station.epoch)
        if (held.count, held.last, held.digest) != (station.last, station.last, station.digest):
            what = "other bytes" if held.count == held.last == station.last else f"{held.count} up to {held.last}"
            yield f"{station.station}: {station.last} events were sent in epoch {station.epoch}, held are {what}"


def _of_checkpoints(connection: Connection, sent: Sequence[SentEvents]) -> Iterator[str]:
    for station in sent:
        verdicts = held_verdicts(connection, station.station, station.epoch)
        genuine = verdicts.count(CheckpointVerdict.GOOD)
        if (len(verdicts), genuine) != (station.checkpoints, station.checkpoints):
            held = f"{len(verdicts)} held, {genuine} of them genuine"
            yield f"{station.station}: {station.checkpoints} checkpoints were sent in epoch {station.epoch}, {held}"


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
            held = held_answer(connection, station.station, answer.sequence)
            if held != (answer.digest, answer.outcome):
                what_is_held = "nothing" if held is None else held[1] if held[0] == answer.digest else "another command"
                yield f"{station.station}: command {answer.sequence} was answered {answer.outcome!r}, held is {what_is_held}"
