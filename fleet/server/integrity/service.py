"""Check of the store: every chain, what follows from the events, and the audit. It reads, and changes nothing.

Rules: all is seen as it was at one moment, while servers go on writing. With `watermarks` of an earlier check only what came
since is looked at: places of chains after each watermark, their checkpoints, and the read models of the errands that they
belong to. What lies before a watermark may have been changed since; the whole check finds it. With `stations` the chains of
others are left out, and what is found of them is not told; projections are made of all, since a card may fall at another station.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, exists, func, select

from fleet.messages.events import GENESIS
from fleet.server.audit_log import log as audit_log
from fleet.server.audit_log.tables import audit
from fleet.server.checkpoints.service import check_judged
from fleet.server.checkpoints.tables import checkpoints, countersignatures, erasures
from fleet.server.database.database import Database
from fleet.server.events.model import Difference
from fleet.server.events.queries import restore_event
from fleet.server.events.tables import chains, events, quarantine
from fleet.server.ingest.projection_check import Pause, check_errands, check_projections
from fleet.server.integrity.chain_check import ChainCheck, Watermark
from fleet.server.stations.tables import stations

MOST = 1_000
"""Differences that are named; more are counted."""
ERASERS = ("retention.erase", "retention.request")
"""Actions in the audit that erase."""

Watermarks = dict[tuple[int, int], Watermark]
"""By station's key and epoch."""


@dataclass(slots=True)
class StoreCheck:
    """Scope and findings of a check. `watermarks`: how far each chain has been seen now."""

    whole: bool
    events: int = 0
    chains: int = 0
    audit_entries: int = 0
    known_breaks: int = 0
    """Links that did not hold when they came, and of which people were told then."""
    count: int = 0
    differences: list[Difference] = field(default_factory=list)
    """The first `MOST` of them."""
    watermarks: Watermarks = field(default_factory=dict)

    def add(self, differences: Iterator[Difference], stations: Collection[str] | None) -> None:
        for difference in differences:
            if stations is None or difference.station in stations:
                self.count += 1
                if self.count <= MOST:
                    self.differences.append(difference)


def check_store(
    database: Database,
    watermarks: Mapping[tuple[int, int], Watermark] | None = None,
    stations: Collection[str] | None = None,
    pause: Pause = lambda: None,
) -> StoreCheck:
    """Check the store. Raises sqlalchemy.exc.SQLAlchemyError."""
    check = StoreCheck(whole=watermarks is None)
    touched: set[str] = set()
    with database.reading.begin() as connection:
        for station, name, epoch in _chains(connection):
            if stations is None or name in stations:
                start = Watermark() if watermarks is None else watermarks.get((station, epoch), Watermark())
                chain = ChainCheck(connection, station, name, epoch, start, pause)
                check.add(chain.differences(), None)
                if not chain.known_breaks:
                    check.add(check_judged(connection, station, epoch, start.through), None)
                _count(check, chain)
                touched |= chain.errands if watermarks is not None else set()
        if watermarks is None:
            check.add(check_projections(connection, pause), stations)
            check.add(_beside(connection), stations)
        else:
            check.add(check_errands(connection, sorted(touched), pause), stations)
        if stations is None:
            check.add(_of_audit(connection, check), None)
    return check


def watermarks_since(connection: Connection, since: datetime) -> Watermarks:
    """Each chain up to the first place that was received at that time or later."""
    first = func.min(events.c.sequence).filter(events.c.received >= since).label("first")
    query = select(events.c.station, events.c.epoch, first, func.max(events.c.sequence).label("last"))
    watermarks = {}
    for row in connection.execute(query.group_by(events.c.station, events.c.epoch)).all():
        through = row.last if row.first is None else row.first - 1
        watermarks[row.station, row.epoch] = Watermark(through, _hash_at(connection, row.station, row.epoch, through))
    return watermarks


def _hash_at(connection: Connection, station: int, epoch: int, sequence: int) -> str | None:
    if sequence == 0:
        return GENESIS
    here = and_(events.c.station == station, events.c.epoch == epoch, events.c.sequence == sequence)
    envelope = connection.execute(select(events.c.envelope).where(here)).scalar()
    event = None if envelope is None else restore_event((station, epoch, sequence), envelope, None, None)
    return None if event is None else event.hash


def _count(check: StoreCheck, chain: ChainCheck) -> None:
    check.chains += 1
    check.events += chain.events
    check.known_breaks += chain.known_breaks
    check.watermarks[chain.station, chain.epoch] = chain.end


def _chains(connection: Connection) -> list[Any]:
    """All of which anything is held: key of the station, its name, epoch."""
    chain_keys = (
        select(chains.c.station, chains.c.epoch)
        .union(
            select(events.c.station, events.c.epoch),
            select(quarantine.c.station, quarantine.c.epoch).where(quarantine.c.epoch.is_not(None)),
        )
        .subquery()
    )
    names = func.coalesce(stations.c.name, "")
    query = select(chain_keys.c.station, names, chain_keys.c.epoch).outerjoin(
        stations, stations.c.id == chain_keys.c.station
    )
    return list(connection.execute(query.order_by(names, chain_keys.c.epoch)))


def _beside(connection: Connection) -> Iterator[Difference]:
    """Rows about places of chains that nothing vouches for."""
    for table, behind in ((erasures, events), (countersignatures, checkpoints)):
        same = and_(*(behind.c[name] == table.c[name] for name in ("station", "epoch", "sequence")))
        query = select(stations.c.name, table.c.epoch, table.c.sequence)
        query = query.join(stations, stations.c.id == table.c.station).where(~exists().where(same))
        for row in connection.execute(query.limit(MOST)):
            yield Difference("extra", row.name, str(table.name), f"{row.epoch}:{row.sequence}")
    erasure_times = select(audit.c.at).where(audit.c.action.in_(ERASERS))
    query = select(stations.c.name, erasures.c.epoch, erasures.c.sequence)
    query = query.join(stations, stations.c.id == erasures.c.station)
    query = query.where(erasures.c.erased.not_in(erasure_times))
    for row in connection.execute(query.limit(MOST)):
        yield Difference("unrecorded", row.name, "erasures", f"{row.epoch}:{row.sequence}")


def _of_audit(connection: Connection, check: StoreCheck) -> Iterator[Difference]:
    verdict = audit_log.verify(connection)
    check.audit_entries = verdict.entries
    if verdict.broken is not None:
        yield Difference("broken", "", "audit", str(verdict.broken))
