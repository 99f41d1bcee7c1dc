"""A station's heart without a screen: bench, journal, orders, verifier and printer in memory, and errands run in it.

Cards are kind B with keys on a curve, made at once and kept for the session; their counters and codes are a test's own.
Eight-digit codes that occur nowhere else, so that a test may look for them in everything that was written.
"""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from drivers.cabinet.virtual import VirtualCabinet
from drivers.printer.document import Document
from drivers.printer.port import Mute, NotPrinted, Printed, PrinterStatus, PrintOutcome, Ready
from drivers.reader.ledger import MemoryLedger
from drivers.reader.trust import Trust
from drivers.reader.virtual.cards import VirtualCard
from drivers.reader.virtual.persona import Persona
from drivers.reader.virtual.personas import person
from drivers.reader.virtual.pins import PIN_TRIES, PUK_TRIES, Code
from drivers.reader.virtual.pki import TestAuthority
from drivers.reader.virtual.state import CardMemory, StoredKey
from drivers.reader.visit import CardReader, ReaderSettings
from drivers.secret import Secret
from fleet.agent import outbox, sync
from fleet.agent.outbox import Chain
from fleet.agent.store import StationStore
from fleet.messages import events
from fleet.messages.events import Event
from fleet.messages.link import Administrator, Order
from kiosk import journal
from kiosk.bench import cards as bench_cards
from kiosk.bench.world import Scenario, World
from kiosk.handover import CardEnvelopes
from kiosk.journal import Journal, Log
from kiosk.journeys.desk import Desk, StationSeal
from kiosk.journeys.pickup import pickup
from kiosk.journeys.registry import Journey
from kiosk.ports import Ended, Envelopes, EnvelopeVerdict
from kiosk.supervisor import Limits, Supervisor
from kiosk.texts import Texts
from tests.fakes.clock import NOW, HandClock
from tests.fakes.person import Person

STATION = "test-station"
AUTHORITY = "test fleet authority"
OLD_PIN = "70418352"
"""PIN of every old card and of the administrators' cards."""
LIMIT_S = 20.0
"""Real seconds: an errand that takes longer hangs."""


@cache
def authority() -> TestAuthority:
    """The issuer of all cards of the session."""
    return TestAuthority.create(NOW)


@cache
def _keys(persona: Persona) -> tuple[StoredKey, ...]:
    return VirtualCard.create(persona, authority(), NOW).keys


def make_card(persona: Persona) -> VirtualCard:
    """A card as it was issued, with keys of its own and state of its own."""
    pin = Code(persona.pin.encode(), PIN_TRIES, PIN_TRIES)
    puk = Code(persona.puk.encode(), PUK_TRIES, PUK_TRIES)
    return VirtualCard(CardMemory("B", persona, pin, puk, _keys(persona)))


def persona_of(name: str) -> Persona:
    """The made-up person's card, with keys that are made at once; an old card has the canary PIN."""
    persona = replace(bench_cards.persona(name), key_algorithm="EC-P256")
    known = name.endswith(":old") or name.startswith(("13:", "14:"))
    return replace(persona, pin=OLD_PIN) if known else persona


class RoomWorld(World):
    """The bench with quick cards and the test's clock. `changed` replaces single cards."""

    def __init__(self, folder: Path, scenario: Scenario, clock: HandClock, changed: dict[str, Persona]) -> None:
        super().__init__(folder, scenario, authority(), NOW)
        self.changed = changed
        self.clock = clock
        self.cabinet = quick_cabinet(self, clock)

    def card(self, name: str) -> VirtualCard:
        if name not in self._cards:
            self._cards[name] = make_card(self.changed.get(name) or persona_of(name))
        return self._cards[name]

    @property
    def held(self) -> bool:
        """Whether a connection to a card is open."""
        return bool(self.backend._held)


class DiskWorld(World):
    """The bench as it lies on the disk, cards included, with a clock that does not wait."""

    def __init__(self, folder: Path, scenario: Scenario, issuer: TestAuthority, now: datetime) -> None:
        super().__init__(folder, scenario, issuer, now)
        self.clock = HandClock(now)
        self.cabinet = quick_cabinet(self, self.clock)

    @property
    def held(self) -> bool:
        """Whether a connection to a card is open."""
        return bool(self.backend._held)


def quick_cabinet(world: World, clock: HandClock) -> VirtualCabinet:
    """The world's cabinet, by the test's clock."""
    return VirtualCabinet(
        world.scenario.slot_count,
        cards=world.scenario.slots,
        clock=clock.monotonic,
        sleep=clock.sleep,
        on_change=world.moved,
    )


class HeldOrders:
    """Implements `Orders` over a list, with the journal's word on what is unfinished or collected."""

    def __init__(self, orders: Iterable[Order], administrators: Iterable[Administrator], journal: Journal) -> None:
        self.all = tuple(orders)
        self.administrators = {one.hsa_id: one for one in administrators}
        self._journal = journal
        journal.collected = _collect

    async def find(self, hsa_id: str) -> Order | None:
        unfinished = await self._journal.unfinished(hsa_id)
        return unfinished or next((one for one in await self.waiting() if one.hsa_id == hsa_id), None)

    async def administrator(self, hsa_id: str) -> Administrator | None:
        return self.administrators.get(hsa_id)

    async def waiting(self) -> tuple[Order, ...]:
        collected = await self.collected()
        return tuple(one for one in self.all if one.order not in collected)

    async def collected(self) -> set[str]:
        """Orders that were handed out here."""
        rows = await self._journal.transact(lambda cx: cx.execute("SELECT id FROM sync_collected").fetchall())
        return {row[0] for row in rows}


def _collect(cx: Any, order: str) -> None:
    cx.execute("INSERT OR IGNORE INTO sync_collected VALUES (?)", (order,))


class LetterVerifier:
    """Implements `Envelopes` as the server does: at most five wrong guesses, and it may be away."""

    def __init__(self, pukes: dict[str, str]) -> None:
        self.pukes = pukes
        self.online = True
        self.silent: deque[bool] = deque()
        """Whether the next questions are left without an answer."""
        self.guesses = 0

    async def available(self) -> bool:
        return self.online

    async def verify(self, order: Order, puk: Secret) -> EnvelopeVerdict:
        if self.silent and self.silent.popleft():
            return EnvelopeVerdict.UNAVAILABLE
        if self.guesses >= 5:
            return EnvelopeVerdict.TOO_MANY
        if puk.reveal() == self.pukes[order.order]:
            return EnvelopeVerdict.MATCH
        self.guesses += 1
        return EnvelopeVerdict.NO_MATCH


class PaperTray:
    """Implements `Printer`: gives the outcomes that it is told, then prints."""

    name = "test printer"
    virtual = True

    def __init__(self, *outcomes: PrintOutcome) -> None:
        self._outcomes = deque(outcomes)
        self.papers: list[Document] = []

    async def status(self) -> PrinterStatus:
        match self._outcomes[0] if self._outcomes else Printed():
            case NotPrinted(status):
                return status
            case Printed():
                return Ready()
            case _:
                return Mute()

    async def print(self, document: Document) -> PrintOutcome:
        outcome = self._outcomes.popleft() if self._outcomes else Printed()
        if not isinstance(outcome, NotPrinted):
            self.papers.append(document)
        return outcome


@cache
def seal() -> StationSeal:
    """A station's key, with its certificate and the authority's."""
    above, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = (_certificate(STATION, key, above), _certificate(AUTHORITY, above, above))
    return StationSeal(STATION, "Testentrén", key, tuple(one.public_bytes(Encoding.DER) for one in chain))


def _certificate(subject: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=key is issuer, path_length=None), critical=True)
        .sign(issuer, hashes.SHA256())
    )


def order_of(number: int, **changed: Any) -> Order:
    """The order of a made-up person, whose card waits in slot 2 * number."""
    who = person(number)
    facts: dict[str, Any] = {
        "order": f"A-{number:04d}",
        "hsa_id": who.hsa_id,
        "name": None if who.protected_identity else who.name,
        "protected": who.protected_identity,
        "card_number": who.new.card_number,
        "product": "ordinary",
        "loa": who.new.loa,
        "slot": 2 * number,
        "last_day": "2026-12-31",
    }
    return Order(**(facts | changed))


class Room:
    """One station's heart. `errand` runs a pick-up with a person in front of it."""

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
    ) -> None:
        self.clock = world.clock
        self.world = world
        schemas = [outbox.SCHEMA, sync.SCHEMA, journal.SCHEMA]
        self.store = store.open(folder / "station.sqlite", schemas=schemas)
        self.journal = Journal(self.store, Chain(STATION, 1, bootid), self.clock)
        administrators = [Administrator(person(13).hsa_id, person(13).name)]
        self.orders = HeldOrders(orders, administrators, self.journal)
        trust = Trust(world.authority.anchors(), world.authority.intermediates())
        self.settings = ReaderSettings(trust=trust, ledger=MemoryLedger(), now=self.clock.now)
        readers = ("holder", "administrator") if second_reader else ("holder",)
        self.readers = [CardReader(self.world.backend, self.world.slots[one].name, self.settings) for one in readers]
        self.desk = Desk(
            reader=self.readers[0],
            administrator_reader=self.readers[1] if second_reader else None,
            orders=self.orders,
            envelopes=envelopes or CardEnvelopes(),
            seal=seal(),
            clock=self.clock,
            print_text=lambda text: Texts.load().plain(text, "sv"),
            cabinet=self.world.cabinet,
            printer=printer,
        )
        self.log: Log | None = None

    async def close(self) -> None:
        """Let readers and file go."""
        for reader in self.readers:
            await reader.close()
        self.store.close()

    def equip(self, **changed: Any) -> None:
        """Change the desk for the errands that follow: another printer, no cabinet."""
        self.desk = replace(self.desk, **changed)

    async def errand(self, someone: Person, journey: Journey = pickup) -> Ended:
        """One errand to its end; nothing may hang, and no card may stay connected."""
        supervisor = Supervisor(someone, self.desk.reader, self.clock, Limits())
        self.log = await self.journal.start("pickup")
        async with asyncio.timeout(LIMIT_S):
            ended = await supervisor.run(journey, self.desk, self.log)
            while self.world.held:
                await asyncio.sleep(0.001)  # a visit that was cancelled while it began is closed by its thread
        return ended

    async def chain(self) -> list[Event]:
        """Every event, in order, after checking that the chain has no gap."""
        rows = await self.store.transact(
            lambda cx: cx.execute("SELECT envelope, data, salt FROM outbox ORDER BY sequence").fetchall()
        )
        found = [events.restore(*row) for row in rows]
        assert_chain(found)
        return found

    async def told(self) -> list[str]:
        """The events in short: `slot.open opened`, `ended done`."""
        return [short(event) for event in await self.chain()]

    async def written(self) -> str:
        """Everything that the file holds, as text."""

        def dump(cx: Any) -> str:
            return "\n".join(cx.iterdump())

        text: str = await self.store.transact(dump)
        blobs = [bytes.fromhex(part) for part in re.findall(r"\bX'([0-9A-F]*)'", text)]
        return text + "\n".join(blob.decode("utf-8", "replace") for blob in blobs)


def assert_chain(found: list[Event]) -> None:
    """Sequence without gap, each event naming the one before, every hash right (`restore` has checked the data)."""
    prev = events.GENESIS
    for number, event in enumerate(found, 1):
        assert (event.sequence, event.prev) == (number, prev)
        prev = event.hash


def short(event: Event) -> str:
    """An event in a few words."""
    content = event.content()
    kind = event.type.removeprefix("se.kortkiosk.")
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
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield fallback
        return
    folder = Path(tempfile.mkdtemp(prefix="kortkiosk-test-", dir=memory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
