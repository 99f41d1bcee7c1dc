"""A station's heart without a screen: bench, journal, orders, verifier and printer in memory, and errands run in it.

Cards are kind B (the holder's may be another, see `RoomWorld`) with keys on a curve, made at once and kept for the session; their
counters and codes are a test's own.
Eight-digit codes that occur nowhere else, so that a test may look for them in everything that was written.
"""

import asyncio
import contextlib
import itertools
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profile, Profiles, builtin
from fleet.agent import blocks, outbox, sync
from fleet.agent.at_rest import AtRestCipher
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages import events
from fleet.messages.events import Event
from fleet.messages.link import Order
from fleet.messages.vocabulary import short_type
from kiosk.errands.pickup.journey import pickup
from kiosk.errands.registry import Journey
from kiosk.issuer import gateway
from kiosk.ports import Ended, Envelopes
from kiosk.station import journal
from kiosk.station.fleet_orders import CardEnvelopes
from kiosk.station.journal import Journal, Log
from kiosk.station.supervisor import Limits, Supervisor
from kiosk.steps.capabilities import Capabilities
from kiosk.stock.repository import StationStock
from kiosk.texts import Texts
from sim.bench import cards as bench_cards
from sim.bench.virtual_bench import Scenario, VirtualBench
from sim.cabinet.virtual import VirtualCabinet
from sim.reader.card_factory import fresh_memory
from sim.reader.cards import VirtualCard
from sim.reader.keys import CardPrivateKey, StoredKey, generate
from sim.reader.persona import KeyAlgorithm, Persona
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.shapes import issue_keys
from sim.stories.administrators import administrator
from sim.stories.clock import NOW, HandClock
from sim.stories.devices import STATION, HeldOrders, ListedLogIn, PaperTray, collect, seal
from sim.stories.foreign import described_profile, estrange
from sim.stories.patience import LIMIT_S
from sim.stories.person import Person

OLD_PIN = "70418352"
"""PIN of every old card and of the administrators' cards."""


@cache
def authority() -> TestAuthority:
    """The issuer of all cards of the session."""
    return TestAuthority.create(NOW)


@cache
def _keys(persona: Persona) -> tuple[StoredKey, ...]:
    number = itertools.count()

    def make(algorithm: KeyAlgorithm) -> CardPrivateKey:
        slow = algorithm.startswith("RSA")
        return _rsa_key(algorithm, persona.issued_days_ago, next(number)) if slow else generate(algorithm)

    return issue_keys(persona, authority(), NOW, make)


@cache
def _rsa_key(algorithm: KeyAlgorithm, issued_days_ago: int, number: int) -> CardPrivateKey:
    """One key for all cards of that age, because it is slow to make."""
    return generate(algorithm)


def make_card(persona: Persona, kind: str = "B", traits: tuple[str, ...] = ()) -> VirtualCard:
    """A card as it was issued, with keys of its own and state of its own; with traits it is of no product that ships."""
    card = VirtualCard(fresh_memory(kind, persona, authority(), NOW, _keys(persona), traits))
    return estrange(card) if traits else card


def keys_of(persona: Persona) -> tuple[StoredKey, ...]:
    """Keys and certificates of a card that was issued to that persona, made once in a session."""
    return _keys(persona)


def persona_of(name: str) -> Persona:
    """The made-up person's card, with keys that are made at once; an old card has the canary PIN."""
    persona = replace(bench_cards.persona(name), key_algorithm="EC-P256")
    has_old_pin = name.endswith(":old") or name.startswith(("13:", "14:"))
    return replace(persona, pin=OLD_PIN) if has_old_pin else persona


class RoomWorld(VirtualBench):
    """The bench with quick cards and the test's clock. `changed` replaces single cards; `kind` and `traits` are what the
    holder's are, `shape` is that of all."""

    def __init__(
        self, folder: Path, scenario: Scenario, clock: HandClock, changed: dict[str, Persona], kind: str = "B",
        traits: tuple[str, ...] = (), *, described: bool = True, shape: str = "one-pair",
    ) -> None:  # fmt: skip
        super().__init__(folder, scenario, authority(), NOW)
        self.changed = changed
        self.kind = kind
        self.traits = traits
        self.described = described
        self.shape = shape
        self.clock = clock
        self.cabinet = quick_cabinet(self, clock)

    def card(self, name: str) -> VirtualCard:
        if name not in self.cards:
            ways = (self.kind, self.traits) if name.startswith("1:") else ("B", ())
            self.cards[name] = make_card(self.persona(name), *ways)
        return self.cards[name]

    def persona(self, name: str) -> Persona:
        """Return the persona that the card of that name was issued to, and how."""
        return replace(self.changed.get(name) or persona_of(name), shape=self.shape)

    @property
    def product(self) -> Profile:
        """The profile of the holder's cards."""
        if self.traits:
            return described_profile(self.kind, self.traits)
        return builtin().match_name(f"virtual-{self.kind.lower()}")

    @property
    def profiles(self) -> Profiles:
        """Profiles that ship, and that of the holder's cards."""
        return Profiles([*builtin(), self.product]) if self.traits and self.described else builtin()

    @property
    def held(self) -> bool:
        """True while a connection to a card is open."""
        return bool(self.backend.connections)


class DiskWorld(VirtualBench):
    """The bench as it lies on the disk, cards included, with a clock that does not wait."""

    def __init__(self, folder: Path, scenario: Scenario, issuer: TestAuthority, now: datetime) -> None:
        super().__init__(folder, scenario, issuer, now)
        self.clock = HandClock(now)
        self.profiles = builtin()
        self.cabinet = quick_cabinet(self, self.clock)

    @property
    def held(self) -> bool:
        """True while a connection to a card is open."""
        return bool(self.backend.connections)


def quick_cabinet(world: VirtualBench, clock: HandClock) -> VirtualCabinet:
    """The world's cabinet, by the test's clock."""
    return VirtualCabinet(
        world.scenario.slot_count,
        cards=world.scenario.slots,
        clock=clock.monotonic,
        sleep=clock.sleep,
        on_change=world.moved,
    )


class Room:
    """One station's heart. `errand` runs an errand with a person in front of it."""

    def __init__(
        self,
        folder: Path,
        *,
        orders: Iterable[Order],
        world: RoomWorld | DiskWorld,
        bootid: str = "boot-1",
        store: type[StationStore] = StationStore,
        second_reader: bool = False,
        printer: PaperTray | None = None,
        envelopes: Envelopes | None = None,
        station: str = STATION,
    ) -> None:
        self.clock = world.clock
        self.world = world
        schemas = [outbox.SCHEMA, sync.SCHEMA, *gateway.SCHEMAS, journal.SCHEMA]
        self.store = store.open(folder / "station.sqlite", schemas=schemas)
        self.journal = Journal(
            self.store, EventChain(station, 1, bootid), self.clock,
            cipher=AtRestCipher(station, bytes(32)), on_collected=collect, redeem=blocks.redeem_pledge,
        )  # fmt: skip
        administrators = [administrator(person(13).hsa_id, person(13).name)]
        self.orders = HeldOrders(orders, administrators, self.journal)
        self.log_ins = ListedLogIn(self.orders)
        trust = TrustStore(world.authority.anchors(), world.authority.intermediates())
        self.settings = ReaderSettings(trust=trust, ledger=MemoryLedger(), now=self.clock.now, profiles=world.profiles)
        readers = ("holder", "administrator") if second_reader else ("holder",)
        self.readers = [
            CardReader(self.world.backend, self.world.slots[reader].name, self.settings) for reader in readers
        ]
        self.caps = Capabilities(
            reader=self.readers[0],
            administrator_reader=self.readers[1] if second_reader else None,
            orders=self.orders,
            administrators=self.log_ins,
            envelopes=envelopes or CardEnvelopes(),
            seal=seal(),
            clock=self.clock,
            print_text=lambda text: Texts.load().plain(text, "sv"),
            cabinet=self.world.cabinet,
            printer=printer,
            stock=StationStock(self.journal, self.orders.here),
        )
        self.log: Log | None = None
        self.supervisor: Supervisor

    async def close(self) -> None:
        """Let readers and file go."""
        for reader in self.readers:
            await reader.close()
        self.store.close()

    def equip(self, **changed: Any) -> None:
        """Change the capabilities for the errands that follow: another printer, no cabinet."""
        self.caps = replace(self.caps, **changed)

    async def errand(self, someone: Person, journey: Journey = pickup, kind: str = "pickup") -> Ended:
        """One errand to its end; nothing may hang, and no card may stay connected."""
        self.supervisor = Supervisor(someone, self.caps.reader, self.clock, Limits())
        self.log = await self.journal.start(kind)
        running = asyncio.ensure_future(self.supervisor.run(journey, self.caps, self.log))
        await asyncio.wait({running}, timeout=LIMIT_S)
        if not running.done():
            where = standing()
            running.cancel()
            await asyncio.wait({running}, timeout=LIMIT_S)
            self.store.close()
            raise TimeoutError(where)
        await self._let_go()
        return running.result()

    async def _let_go(self) -> None:
        """A visit that was cancelled while it began is closed by its thread, which tells nobody."""
        for _ in range(5000):
            if not self.world.held:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("a card is still connected")

    async def chain(self) -> list[Event]:
        """Every event, in order, after checking that the chain has no gap."""
        rows = await self.store.transact(
            lambda cx: cx.execute("SELECT envelope, data, salt FROM outbox ORDER BY sequence").fetchall()
        )
        restored = [events.restore(*row) for row in rows]
        assert_chain(restored)
        return restored

    async def told(self) -> list[str]:
        """The events in short: `slot.open opened`, `ended done`."""
        return [short(event) for event in await self.chain()]

    async def written(self) -> str:
        """Everything that the file holds, as text; bytes as the text that they are, not as the digits of a dump."""

        def dump(cx: Any) -> str:
            return "\n".join(cx.iterdump())

        text: str = await self.store.transact(dump)
        return re.sub(r"\bX'([0-9A-F]*)'", lambda blob: bytes.fromhex(blob[1]).decode("utf-8", "replace"), text)


def standing() -> str:
    """Say where each task of the loop waits: what to look at where an errand hangs."""
    return "; ".join(_waits_at(task.get_coro()) for task in asyncio.all_tasks() if task is not asyncio.current_task())


def _waits_at(coroutine: Any) -> str:
    """The innermost coroutine that it waits for, and the line."""
    while (inner := getattr(coroutine, "cr_await", None)) is not None and hasattr(inner, "cr_frame"):
        coroutine = inner
    frame = getattr(coroutine, "cr_frame", None)
    line = f" at {Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame is not None else ""
    return f"{getattr(coroutine, '__qualname__', coroutine)}{line}"


def assert_chain(chain: list[Event]) -> None:
    """Sequence without gap, each event naming the one before, every hash right (`restore` has checked the data)."""
    prev = events.GENESIS
    for number, event in enumerate(chain, 1):
        assert (event.sequence, event.prev) == (number, prev)
        prev = event.hash


def short(event: Event) -> str:
    """An event in a few words."""
    content = event.content()
    kind = short_type(event.type)
    match kind:
        case "effect.done":
            return f"{content['effect']} {content['outcome']}"
        case "effect.unknown":
            return f"{content['effect']} unknown"
        case "errand.ended":
            return f"ended {content['outcome']}"
        case _:
            return kind


@contextlib.contextmanager
def quick_folder(fallback: Path) -> Iterator[Path]:
    """A folder in memory where there is one: `synchronous=FULL` costs nothing there. Else the fallback."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder itself has a name that nobody can guess
    if not memory.is_dir():
        yield fallback
        return
    folder = Path(tempfile.mkdtemp(prefix="kortkiosk-test-", dir=memory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
