"""A fleet server's core in this process, without broker, TLS or pages: ingest, orders, deadlines and what waits for the issuer.

Its store is a copy of one that was prepared, in a folder in memory; its clock is passed in. A station's outbox is emptied into
it by the station's own `Drain`, packet by packet through the station's gate; a packet that is lost takes the connection with it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from campaigns.faults.gate import Gate
from fleet.agent import outbox
from fleet.agent.drain import Drain, FlowLimits, Wiring
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore, StoreError
from fleet.messages.asking import BelievedResult, BinAsk, BlockAsk, HoldAsk, ReceivedAsk, StockAsk
from fleet.messages.events import Event
from fleet.messages.link import Delivery, Order
from fleet.server.database.database import Database
from fleet.server.database.sqlite import sqlite_engine
from fleet.server.deadlines.job import DeadlineJob
from fleet.server.deadlines.settings import load
from fleet.server.deadlines.tables import open_days
from fleet.server.events.tables import conflicts, events, quarantine
from fleet.server.guards.tables import server_clock
from fleet.server.guards.watch import ClockWatch
from fleet.server.ingest.parse import arrived_event
from fleet.server.ingest.write import Writer
from fleet.server.issuers import request_queue
from fleet.server.orders import queries as order_queries
from fleet.server.orders.model import OrderRecord
from fleet.server.orders.service import apply_step, place_cards
from fleet.server.orders.tables import orders
from fleet.server.stations.tables import alarms, stations
from sim.stories.clock import NOW, HandClock
from tests.fakes.server.databases import new_store
from tests.fleet.server.conftest import KeptChanges, hold_orders

DAY = timedelta(days=1)
CAMPAIGN = "campaign"
OTHER = "station-b"
WINDOW = 4
"""Events in flight: few, so that an errand's go in several batches."""


@dataclass(frozen=True)
class Issuer:
    """Issuer that the server's requests reach: cards that a deadline put on hold or blocked."""

    holds: dict[str, str] = field(default_factory=dict)


@cache
def _settled(folder: Path, waiting: tuple[Order, ...], station: str) -> bytes:
    """A store with these orders, whose clock is believed."""
    path = folder / "template.sqlite"
    database = new_store(path)
    records = [
        OrderRecord(
            order=order.order, hsa_id=order.hsa_id, name=order.name, protected=order.protected, card_number=order.card_number,
            product=order.product, loa=order.loa, station=station, slot=order.slot, last_day=order.last_day,
            envelope_key=None, envelope_mac=None, delivery=order.delivery,
        )
        for order in waiting
    ]  # fmt: skip
    hold_orders(database, *records, now=NOW)
    ClockWatch(database, lambda: NOW - 2 * DAY).look()
    database.close()
    content = path.read_bytes()
    path.unlink()
    return content


@cache
def _on_file(path: Path) -> Database:
    """Handles on that file, which may become another one: what was compiled for one case serves the next."""
    engine = sqlite_engine(path)
    alone = engine.execution_options(writing="alone")
    return Database(engine, alone, engine.execution_options(writing="shared"))


class Server:
    """One, with its store in the folder of the templates: there is one at a time."""

    def __init__(self, clock: HandClock, waiting: Sequence[Order], station: str, templates: Path) -> None:
        self.path = templates / "fleet.sqlite"
        self.database = _on_file(self.path)
        self.database.reading.dispose()
        for behind in ("-wal", "-shm"):
            Path(f"{self.path}{behind}").unlink(missing_ok=True)
        self.path.write_bytes(_settled(templates, tuple(waiting), station))
        self.clock = clock
        self.writer = Writer(self.database)
        self.issuer = Issuer()
        self.stations = (station, OTHER)
        self._watch = ClockWatch(self.database, clock.now)
        self._deadlines = DeadlineJob(self.database, load(), KeptChanges(), clock.now)

    def close(self) -> None:
        self.database.reading.dispose()

    def take(self, sent: Sequence[Event]) -> list[Any]:
        """Commit what came; gives the `acked` of each chain."""
        arrived = [arrived_event(event.station, event, event.wire) for event in sent]
        return [word for _, word in self.writer.commit(arrived, self.clock.now()).acked]

    def believe(self, station: str, ask: ReceivedAsk | StockAsk | BinAsk) -> BelievedResult:
        """Take what people have proved there; the issuer has judged whose proofs they are."""
        now = self.clock.now()
        with self.database.writing.begin() as connection:
            if isinstance(ask, ReceivedAsk):
                apply_step(connection, ask.order, "collected" if ask.receipt else "activated", now)
            elif isinstance(ask, StockAsk):
                place_cards(connection, station, [(move, datetime.fromisoformat(move.at)) for move in ask.moves])
        return BelievedResult()

    async def drain(self, store: StationStore, station: str, gate: Gate) -> bool:
        """One connection's worth of that station's outbox. False where the connection was lost before all was held."""
        line: asyncio.Queue[Event] = asyncio.Queue()
        drain = Drain(
            store,
            EventChain(station, 1, CAMPAIGN),
            Wiring(line.put_nowait, lambda: None, lambda: False),
            FlowLimits(WINDOW),
        )
        sending = asyncio.create_task(drain.run())
        try:
            return await self._serve(store, station, gate, drain, line, sending)
        except StoreError:  # the file cannot be written, which ends the connection
            return False
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _serve(
        self, store: StationStore, station: str, gate: Gate, drain: Drain, line: "asyncio.Queue[Event]",
        sending: "asyncio.Task[None]",
    ) -> bool:  # fmt: skip
        while await store.transact(lambda cx: outbox.depth(cx, station)):
            first = asyncio.ensure_future(line.get())
            await asyncio.wait({first, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                first.cancel()
                sending.result()
            came = [first.result()]
            while not line.empty():
                came.append(line.get_nowait())
            ways = [way for event in came if (way := gate.arrive("packet", event.type)) is not None]
            if "once" in ways or "stays" in ways:
                return False
            for word in self.take([*came, *(came if "twice" in ways else ())]):
                if "lost" in ways:
                    return False
                drain.acked(word)
            await self._heard(store, station, came[-1].sequence, sending)
        return True

    async def _heard(self, store: StationStore, station: str, last: int, sending: "asyncio.Task[None]") -> None:
        """Until the station has taken the word for the events up to `last`."""
        waiting = "SELECT count(*) FROM outbox WHERE station = ? AND sequence <= ? AND acked_at IS NULL"
        while await store.transact(lambda cx: cx.execute(waiting, (station, last)).fetchone()[0]):
            if sending.done():
                sending.result()
            await asyncio.sleep(0)

    def offered(self, station: str, hsa_id: str) -> list[Order]:
        """Return what a station is told that asks for a person."""
        with self.database.reading.begin() as connection:
            return order_queries.orders_for(connection, station, hsa_id, self._today(), since=self._today())

    def listed(self, station: str) -> list[Order]:
        """Return what a station is told that synchronizes."""
        with self.database.reading.begin() as connection:
            return order_queries.orders_at(connection, station, self._today(), after="", limit=100)

    def pending_hand_over(self, card_number: str) -> Delivery | None:
        """Return what a station is told of a card."""
        with self.database.reading.begin() as connection:
            return order_queries.pending_hand_over(connection, card_number)

    def look(self, now: datetime) -> None:
        """Do what happens by itself then, with so many looks before that the clock is believed; and the issuer does it."""
        with self.database.writing.begin() as connection:
            connection.execute(update(server_clock).values(seen=now))
            days = {(NOW + number * DAY).date().isoformat() for number in range((now - NOW).days + 1)}
            there = set(connection.execute(select(open_days.c.day)).scalars())
            for day in sorted(days - there):  # both stations received visitors, so that days of grace count
                connection.execute(insert(open_days), [{"station": name, "day": day} for name in self.stations])
        self._watch.look()
        self._deadlines.look()
        with self.database.writing.begin() as connection:
            for row in request_queue.due_requests(connection, now):
                if isinstance(row.content, HoldAsk | BlockAsk):  # it is told of hand-overs too
                    self.issuer.holds[row.card_number] = "held" if isinstance(row.content, HoldAsk) else "blocked"
                request_queue.record_answer(connection, row.key, None, now)

    def events_of(self, station: str) -> list[tuple[int, bytes, bytes, str]]:
        """(sequence, envelope, data, salt) of all that is held of a station, in order."""
        here = select(events.c.sequence, events.c.envelope, events.c.data, events.c.salt)
        named = here.join(stations, stations.c.id == events.c.station).where(stations.c.name == station)
        with self.database.reading.begin() as connection:
            return [tuple(row) for row in connection.execute(named.order_by(events.c.sequence, events.c.id))]

    def order_states(self) -> dict[str, str]:
        with self.database.reading.begin() as connection:
            return {row.order: row.state for row in connection.execute(select(orders.c.order, orders.c.state))}

    def alarms(self) -> dict[str, str]:
        """Code and argument of all that a person should look at."""
        with self.database.reading.begin() as connection:
            return {row.code: row.argument for row in connection.execute(select(alarms))}

    def set_aside(self) -> int:
        """Messages that were quarantined or differ from what was held."""
        with self.database.reading.begin() as connection:
            return len(connection.execute(select(quarantine.c.id)).all()) + len(
                connection.execute(select(conflicts.c.id)).all()
            )

    def _today(self) -> str:
        return self.clock.now().date().isoformat()
