"""One errand's world for a single fault: two stations, their people, cards and issuer, and the server's core, by one clock.

A station that was killed, or whose trouble stayed, is started again from its file: everything else of it is made anew.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from campaigns.faults.gate import (
    Gate,
    GatedBackend,
    GatedCabinet,
    GatedPort,
    GatedPrinter,
    KilledError,
    gated_store,
)
from campaigns.faults.server_core import Server
from campaigns.faults.visitor import Knowledge, Visitor
from drivers.reader.card_reader import CardReader
from drivers.reader.pin.try_ledger import FileLedger
from fleet.agent.at_rest import AtRestCipher
from fleet.agent.blocks import BlockQueue
from fleet.agent.store import StoreError
from fleet.messages.asking import (
    BelievedResult,
    BinAsk,
    BlockAsk,
    BlockedResult,
    HeldResult,
    HoldAsk,
    ReceivedAsk,
    StockAsk,
    tag_of,
)
from fleet.messages.issuing import BlockReason, CardRecord, HoldReason
from fleet.messages.link import Administrator, Answer, HandOverAsk, Order
from fleet.messages.vocabulary import ErrandOutcome, Outcome
from kiosk.errands.registry import ERRANDS
from kiosk.issuer.client import HELD_AT_THE_DROP, request_id
from kiosk.ports import Ended, Pledge
from kiosk.station.fleet_orders import FleetOrders
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.stock.repository import StationStock
from sim.bench import cards as bench_cards
from sim.bench.virtual_bench import Scenario
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.stories.administration import RoomHouse
from sim.stories.clock import HandClock
from sim.stories.devices import LetterVerifier, ListedLogIn, PaperTray, order_of
from sim.stories.errand_stories import ErrandStory
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import AWAY_S
from sim.stories.room import Room, RoomWorld, authority, standing
from sim.stories.setting import Setting

HERE, THERE = "station-a", "station-b"
QUIET_S = 5.0
"""Where nothing at all has happened for so long of the real time, everybody waits for somebody: the person walks away."""
MOST_LOOKS = 100
"""So often the queue of blocks is looked at: what it could not tell by then waits for the next day."""
ISSUER_PORTS = ("issuer", "blocking", "card_keys", "directory", "administrators", "switches")


class SyncedOrders:
    """Orders that a station knows, from the server's own queries. Stands in for `fleet.agent.sync.OrderBook`."""

    def __init__(self, server: Server, station: str, administrators: Sequence[Administrator], room: Room) -> None:
        self._server, self._station, self._room = server, station, room
        self._administrators = tuple(administrators)
        self.online = True
        self.leavers: frozenset[str] = frozenset()
        """Nobody leaves during a campaign."""
        self._listed = server.listed(station)

    def refresh(self) -> None:
        """Take the newest list."""
        self._listed = self._server.listed(self._station)

    async def offered_online(self, hsa_id: str, limit_s: float) -> tuple[Order, ...]:
        gone = await self._collected()
        orders = [order for order in self._server.offered(self._station, hsa_id) if order.order not in gone]
        return tuple(sorted(orders, key=lambda order: (not order.receipt_owed, order.last_day, order.order)))

    async def ask(self, ask: HandOverAsk, limit_s: float) -> Answer:
        """Tell whether a card is still to be handed over."""
        return Answer(ok=True, delivery=self._server.pending_hand_over(ask.card_number))

    def past(self, hsa_id: str, today: Any, card_number: str = "") -> Order | None:
        return next(
            (order for order in self._listed if order.hsa_id == hsa_id and order.last_day < today.isoformat()), None
        )

    def is_fresh(self, now: Any) -> bool:
        return True

    def is_recent(self, within: timedelta) -> bool:
        return True

    def administrators(self) -> tuple[Administrator, ...]:
        return self._administrators

    def waiting(self, today: Any) -> tuple[Order, ...]:
        gone = self._collected_now()
        return tuple(order for order in self._listed if not order.receipt_owed and order.order not in gone)

    def owed(self) -> tuple[Order, ...]:
        gone = self._collected_now()
        return tuple(order for order in self._listed if order.receipt_owed and order.order not in gone)

    async def _collected(self) -> set[str]:
        return await self._room.orders.collected()

    def _collected_now(self) -> set[str]:
        rows = self._room.store.transact_now(lambda cx: cx.execute("SELECT id FROM sync_collected").fetchall())
        return {row[0] for row in rows}


class IssuerLink:
    """The way from a station's queue of blocks to the issuer: stands in for link, server and signed word alike."""

    def __init__(self, issuer: SimulatedIssuer, believe: Callable[[Any], BelievedResult]) -> None:
        self._issuer = issuer
        self._believe = believe
        self.online = True

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        return lambda: None

    async def ask(self, ask: Any, timeout_s: float = 10.0) -> Any:
        """Return what comes of a block, a hold or what was proved, done once however often it is asked."""
        if isinstance(ask, ReceivedAsk | StockAsk | BinAsk):
            return self._believe(ask)
        card = self._issuer.cards.get(ask.card_number)
        if isinstance(ask, BlockAsk):
            if card is None or card.state != "blocked":
                self._issuer.told.append(("block", ask.card_number, ask.reason, ""))
            self._issuer.set_state(ask.card_number, state="blocked", held_from=None)
            return BlockedResult("2026-03-02T12:00:00Z")
        if card is not None and card.state == "active":
            self._issuer.told.append(("hold", ask.card_number, ask.reason, ""))
            self._issuer.set_state(ask.card_number, state="held", held_from="active")
        return HeldResult("active")

    def result(self, answer: Any, ask: Any) -> Any:
        """In place of `AnswerVerifier.result`: nothing is signed here."""
        return answer


class GatedBlocking(GatedPort):
    """`Blocking` of an issuer, with the pledges of the station's own queue."""

    def __init__(self, issuer: SimulatedIssuer, gate: Gate, queue: BlockQueue) -> None:
        super().__init__(issuer, gate, lambda on: setattr(issuer, "online", on))
        self._queue = queue

    def pledge_for_drop(
        self, card_number: str, block: BlockReason | None, *, by: Any, errand: str, hold: HoldReason = "returned",
        note_only: bool = False,
    ) -> Pledge:  # fmt: skip
        """As `kiosk.issuer.client` does; proofs are left out, since the issuer has judged them."""
        moment = "2026-03-02T12:00:00Z"
        hold_ask = HoldAsk(
            id=request_id(errand, "card.hold", card_number), card_number=card_number, reason=hold, wanted=moment
        )
        blocked = BlockAsk(
            id=request_id(errand, "card.block", card_number), card_number=card_number, reason=block or "replaced", wanted=moment
        )  # fmt: skip
        dropped = hold_ask if block is None or by is None else blocked
        return self._queue.pledge({Outcome.DROPPED: dropped, **dict.fromkeys(HELD_AT_THE_DROP, hold_ask)})

    def pledge_for_errand(self, ask: ReceivedAsk | StockAsk | BinAsk, people: Any, *, errand: str) -> Pledge:
        """The same: the newest of an errand counts."""
        id_ = request_id(errand, tag_of(ask), getattr(ask, "card_number", ""))
        return self._queue.pledge({errand: msgspec.structs.replace(ask, id=id_)})


class Station:
    """One station over its folder: a room, made anew at each start."""

    def __init__(
        self, name: str, folder: Path, world: RoomWorld, tale: ErrandStory, server: Server, tray: PaperTray | None
    ) -> None:
        self.name, self.folder, self.world, self.tale, self.server = name, folder, world, tale, server
        self.tray = tray
        self.boots = 0
        self.binned_before: frozenset[str] = frozenset()
        """What lay in the bin before anybody came."""
        self.queue: BlockQueue | None = None
        self.room: Room
        self.gate: Gate
        self.book: SyncedOrders
        self.waited: list[str] = []
        """Where everybody waited for somebody, and the person walked away."""
        self.untyped = self.puks = self.uncounted = 0
        """As the gate counts them, of all starts."""
        self.logs: list[str] = []
        """Ids of the errands that people began here."""

    def start(self, gate: Gate, like: Room | None = None) -> None:
        """Make all of it anew from the file. `like`: whose issuer, settings and administrators it has; None: as the story
        says."""
        self.boots += 1
        self.gate = gate
        setting, world = self.tale.setting, self.world
        world.backend = GatedBackend(list(world.slots.values()), gate)
        orders = orders_of(setting) if self.name == HERE else []
        pukes = {order.order: person(int(order.order[-4:])).new.puk for order in orders_of(setting)}
        room = self.room = Room(
            self.folder, orders=orders, world=world, bootid=f"boot-{self.boots}", store=gated_store(gate),
            second_reader=setting.second_reader, printer=self.tray,
            envelopes=LetterVerifier(pukes) if setting.server else None, station=self.name,
        )  # fmt: skip
        if like is None:
            self.tale.prepare(room)
            self.binned_before = frozenset(world.cabinet.drop.binned)
        else:
            room.orders.administrators = dict(like.orders.administrators)
        self._join(room, like or room, gate)

    def _join(self, room: Room, like: Room, gate: Gate) -> None:
        tries = self.folder / "tries.json"
        settings = replace(like.settings, ledger=FileLedger(tries))
        gate.counted = lambda: sum(json.loads(tries.read_text())["counts"].values()) if tries.exists() else 0
        room.settings = settings
        readers = [
            CardReader(room.world.backend, reader.name, settings)
            for reader in room.readers[: 1 + bool(room.caps.administrator_reader)]
        ]
        room.readers.extend(readers)
        self.book = SyncedOrders(self.server, self.name, tuple(room.orders.administrators.values()), room)
        fleet_orders = FleetOrders(self.book, self.book, room.journal, room.clock)  # type: ignore[arg-type]  # as far as it is used
        kept = {name: _unwrapped(getattr(like.caps, name)) for name in ISSUER_PORTS}
        if self.tale.errand in ("activate", "pickup", "attend") and not isinstance(kept["blocking"], SimulatedIssuer):
            kept["blocking"] = _register_of_both(room.clock)
        if isinstance(kept["administrators"], ListedLogIn):
            kept["administrators"] = room.log_ins
        room.equip(
            reader=readers[0],
            administrator_reader=readers[1] if len(readers) > 1 else None,
            orders=fleet_orders,
            stock=StationStock(room.journal, fleet_orders.here),
            cabinet=None if like.caps.cabinet is None else GatedCabinet(room.world.cabinet, gate),
            printer=None if like.caps.printer is None or self.tray is None else GatedPrinter(self.tray, gate),
            envelopes=_gated(_unwrapped(room.caps.envelopes), gate),
            region=like.caps.region,
            machine=None if like.caps.machine is None else RoomHouse(room),
            **{name: _gated(port, gate) for name, port in kept.items()},
        )
        if isinstance(kept["blocking"], SimulatedIssuer):
            link, cipher = (
                IssuerLink(kept["blocking"], partial(self.server.believe, self.name)),
                AtRestCipher(self.name, bytes(32)),
            )
            self.queue = BlockQueue(room.store, link, link, cipher)  # type: ignore[arg-type]  # as far as it is used
            room.equip(blocking=GatedBlocking(kept["blocking"], gate, self.queue))

    async def visit(self, someone: Visitor) -> Ended | None:
        """One errand to its end; None where the station died in it."""
        room = self.room
        errand = next(candidate for candidate in ERRANDS if candidate.id == self.tale.errand)
        self.gate.typed = someone.typed
        supervisor = room.supervisor = Supervisor(someone, room.caps.reader, room.clock, Limits())
        try:
            log = room.log = await room.journal.start(errand.id)
        except KilledError:
            return None
        except StoreError:  # nothing has begun, and the home screen says so
            return Ended(ErrandOutcome.FAULT, "store")
        self.logs.append(log.id)
        running = asyncio.ensure_future(supervisor.run(errand.journey, room.caps, log))
        await self._ends(running, someone)
        await self._let_go()
        try:
            return running.result()
        except KilledError:
            return None

    async def _ends(self, running: "asyncio.Future[Ended]", someone: Visitor) -> None:
        """Until the errand is over. Whoever waits for nothing walks away. Raises TimeoutError where that ends nothing."""
        for _ in range(5):
            before = None
            while before != (before := (self.gate.counts.total(), len(someone.shown))):
                await asyncio.wait({running}, timeout=QUIET_S)
                if running.done():
                    return
            self.waited.append(standing())
            self.world.clock.advance(AWAY_S)
        running.cancel()
        await asyncio.wait({running}, timeout=QUIET_S)
        raise TimeoutError(self.waited[-1])

    async def _let_go(self) -> None:
        """A visit that was cancelled while it began is closed by its thread, which tells nobody."""
        for _ in range(5000):
            if not self.world.held:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("a card is still connected")

    async def restart(self) -> None:
        """The power comes back, or somebody starts it again: nothing is broken any more."""
        before = self.room
        await before.close()
        self.untyped += self.gate.untyped
        self.puks += self.gate.puks
        self.uncounted += self.gate.uncounted
        self.start(Gate(self.world.clock), like=before)
        await self.room.journal.boot("the next start")

    async def sync(self) -> None:
        """Empty the outbox, however often the connection is lost, and fetch the list. What the file refuses waits."""
        with contextlib.suppress(StoreError):
            for _ in range(4):
                if await self.server.drain(self.room.store, self.name, self.gate):
                    break
            if self.queue is not None:
                await self._empty(self.queue)
        self.book.refresh()

    async def _empty(self, queue: BlockQueue) -> None:
        """Tell what waits, as soon as there is a connection."""
        if not await queue.waiting():
            return
        telling = asyncio.create_task(queue.run())
        try:
            for _ in range(MOST_LOOKS):
                if not await queue.waiting():
                    return
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    @property
    def issuer(self) -> Any:
        """The issuer and its register, in memory; something else where the story has none."""
        return _unwrapped(self.room.caps.blocking)


def _register_of_both(clock: HandClock) -> SimulatedIssuer:
    """A register with the first person's two cards."""
    issuer = SimulatedIssuer(authority(), clock)
    for which in ("1:old", "1:new"):
        card = bench_cards.persona(which)
        issuer.cards[card.card_number] = CardRecord(card.card_number, card.hsa_id, "6XX", "active")
    return issuer


def _spent(card: VirtualCard) -> int:
    return sum(code.tries_max - code.tries_left for code in (card.codes.pin, card.codes.puk))


def orders_of(setting: Setting) -> list[Order]:
    """The orders of a story's setting."""
    numbers = setting.orders if setting.orders is not None else (setting.number,)
    return [order_of(number, **(setting.order if number == setting.number else {})) for number in numbers]


def _unwrapped(port: Any) -> Any:
    return port.port if isinstance(port, GatedPort) else port


def _gated(port: Any, gate: Gate) -> Any:
    """A port that passes the gate, where it is one of a peer that may be away."""
    switch = _switch_of(port)
    return port if switch is None else GatedPort(port, gate, switch)


def _switch_of(port: Any) -> Any:
    match port:
        case SimulatedIssuer() | LetterVerifier():
            return lambda on: setattr(port, "online", on)
        case ListedLogIn():
            return lambda on: setattr(port, "away", not on)
        case _:
            issuer = getattr(port, "issuer", None)
            return None if issuer is None else lambda on: setattr(issuer, "online", on)


class World:
    """Both stations and what stands behind them."""

    def __init__(self, folder: Path, templates: Path, tale: ErrandStory, clock: HandClock | None = None) -> None:
        self.tale, self.folder = tale, folder
        self.clock = clock or HandClock()
        self.server = Server(self.clock, orders_of(tale.setting), HERE, templates)
        setting = tale.setting
        (folder / "a").mkdir()
        world = RoomWorld(
            folder / "a", Scenario(dict(setting.slots), setting.hand, ()), self.clock, dict(setting.changed), setting.kind,
            setting.traits, described=setting.described,
        )  # fmt: skip
        tray = None if setting.printer is None else PaperTray(*setting.printer)
        self.here = Station(HERE, folder / "a", world, tale, self.server, tray)
        self.there: Station | None = None
        self.knows = Knowledge()
        self.orders = orders_of(setting)
        self.here.start(Gate(self.clock))
        self.spent_before = {name: _spent(card) for name, card in world.cards.items()}
        """Tries that were spent of each card before anybody came."""

    def open_there(self) -> Station:
        """The other station, with the same people, cards and issuer, and a cabinet in which nothing lies."""
        (self.folder / "b").mkdir()
        setting, here = self.tale.setting, self.here.world
        hand = tuple(here.hand)
        world = RoomWorld(
            self.folder / "b", Scenario({}, hand, ()), self.clock, dict(setting.changed), setting.kind, setting.traits,
            described=setting.described,
        )  # fmt: skip
        world.cards = here.cards
        self.there = Station(THERE, self.folder / "b", world, self.tale, self.server, PaperTray())
        self.there.start(Gate(self.clock), like=self.here.room)
        return self.there

    def take_cards(self) -> None:
        """Take along the cards of whoever stood there."""
        for reader in list(self.here.world.in_reader):
            self.here.world.remove(reader)

    def pass_time(self, **time: float) -> None:
        self.clock.advance(timedelta(**time).total_seconds())

    async def close(self) -> None:
        for station in filter(None, (self.here, self.there)):
            await station.room.close()
        self.server.close()
