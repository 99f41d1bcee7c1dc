"""Selection of events for an evidence file, and of the parts of chains that prove them.

Rules: a card or order is found in every event that names it, in whatever member; with it come all events of the errands that were
about it. Each part of a chain begins at the checkpoint before the first of them and ends at the checkpoint after the last, where
there is one, else at the chain's own end; parts that touch become one.

>>> merge_parts([3, 4, 30], [2, 10, 20, 40])
[(2, 10), (20, 40)]
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, literal, or_, select

from fleet.server.checkpoints.tables import checkpoints
from fleet.server.database.bulk import is_postgres
from fleet.server.errands.tables import errands
from fleet.server.events.queries import received_sequences
from fleet.server.events.tables import events
from fleet.server.evidence.model import EvidenceRequest
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import stations

MOST_EVENTS = 200_000
"""Events in all parts together: a month of a busy station is a tenth of that."""


REACH = 1_000
"""Places from what is asked for to an end of its chain that go in too where no checkpoint is nearer; stations sign at least every
hundred."""


class NothingHeldError(ValueError):
    """The store holds nothing of that."""


class TooMuchError(ValueError):
    """It is too much for one file. The text says what to ask for instead."""


@dataclass(frozen=True, slots=True)
class ChainPart:
    """A part of one chain, first and last sequence inclusive, and which of it the file is about."""

    station: int
    name: str
    epoch: int
    first: int
    last: int
    chosen: frozenset[int]


def select_parts(connection: Connection, request: EvidenceRequest) -> list[ChainPart]:
    """The parts of chains that `request` needs, by station and epoch. Raises NothingHeldError, TooMuchError."""
    by_chain: dict[tuple[str, int, int], list[int]] = {}
    query = select(stations.c.name, events.c.station, events.c.epoch, events.c.sequence)
    query = query.join(stations, stations.c.id == events.c.station)
    query = query.where(_about(connection, request), *_days(request))
    rows = connection.execute(query.limit(MOST_EVENTS + 1)).all()
    for row in rows:
        by_chain.setdefault((row.name, row.station, row.epoch), []).append(row.sequence)
    if not by_chain:
        raise NothingHeldError(f"nothing is held of {request.kind} {request.value}")
    made = [
        part for key, sequences in sorted(by_chain.items()) for part in _parts_of(connection, key, sorted(sequences))
    ]
    if sum(part.last - part.first + 1 for part in made) > MOST_EVENTS:
        raise TooMuchError(f"more than {MOST_EVENTS} events: ask for fewer days, or for one errand")
    return made


def merge_parts(chosen: Sequence[int], signed: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each part that proves the `chosen` sequences, where those in `signed` are checkpoints. Both ascend."""
    made: list[tuple[int, int]] = []
    for sequence in chosen:
        if made and sequence <= made[-1][1]:
            continue
        before, after = bisect_right(signed, sequence) - 1, bisect_left(signed, sequence)
        if after < len(signed) and signed[after] == sequence:
            after += 1  # a checkpoint is itself proved by the one after it, where there is one
        first = signed[before] if before >= 0 else sequence
        last = signed[after] if after < len(signed) else chosen[-1]
        if made and first <= made[-1][1] + 1:
            made[-1] = (made[-1][0], last)
        else:
            made.append((first, last))
    return made


def _parts_of(connection: Connection, key: tuple[str, int, int], chosen: list[int]) -> Iterator[ChainPart]:
    name, station, epoch = key
    here = and_(checkpoints.c.station == station, checkpoints.c.epoch == epoch)
    order = checkpoints.c.sequence
    signed = list(connection.execute(select(order).where(here).order_by(order)).scalars())
    highest = received_sequences(connection, station, epoch).highest
    signed = _with_ends(signed, chosen, highest)
    for first, last in merge_parts(chosen, signed):
        inside = frozenset(chosen[bisect_left(chosen, first) : bisect_right(chosen, last)])
        yield ChainPart(station, name, epoch, first, last, inside)


def _with_ends(signed: list[int], chosen: Sequence[int], highest: int) -> list[int]:
    """Add the chain's own end, where that is near, if no checkpoint stands before the first, or after the last: a place that was
    held and is not there is seen then.

    >>> _with_ends([20, 40], [5, 50], 60), _with_ends([], [5000], 9000)
    ([1, 20, 40, 60], [])
    """
    begins = [1] if (not signed or chosen[0] < signed[0]) and chosen[0] <= REACH else []
    ends = [highest] if (not signed or chosen[-1] >= signed[-1]) and chosen[-1] < highest <= chosen[-1] + REACH else []
    return [*begins, *(sequence for sequence in signed if sequence not in (*begins, *ends)), *ends]


def _about(connection: Connection, request: EvidenceRequest) -> ColumnElement[bool]:
    if request.kind == "errand":
        return events.c.errand == request.value
    if request.kind == "station":
        return stations.c.name == request.value
    if request.kind == "card":
        named = select(orders.c.order).where(orders.c.card_number == request.value)
        own = or_(errands.c.card_number == request.value, errands.c.order.in_(named))
    else:
        own = errands.c.order == request.value
    theirs = select(errands.c.errand).where(own)
    return or_(
        events.c.errand.in_(theirs),
        events.c.subject == f"{request.kind}/{request.value}",
        names_text(connection, request.value),
    )


def _days(request: EvidenceRequest) -> Iterator[ColumnElement[bool]]:
    """By the station's clock. A time begins with its day and a T, which comes before U."""
    if request.first:
        yield events.c.time >= request.first
    if request.last:
        yield events.c.time < f"{request.last}U"


def names_text(connection: Connection, value: str, where: ColumnElement[Any] = events.c.data) -> Any:
    """A condition on events, or on the bytes in another column: they hold this value as a whole JSON string."""
    needle = literal(msgspec.json.encode(value))
    if is_postgres(connection):
        return func.position(needle.op("IN")(where)) > 0
    return func.instr(where, needle) > 0
