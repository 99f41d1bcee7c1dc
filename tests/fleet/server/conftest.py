"""A store in a file, stations that seal real events, and a broker in memory."""

import asyncio
import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from joserfc.jwk import ECKey
from sqlalchemy import insert, select, update

from fleet.agent.identity import Broker as BrokerAddress
from fleet.agent.identity import Identity
from fleet.messages.events import Event, Facts, seal
from fleet.messages.link import Acked
from fleet.messages.signed import AckedReader
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import AskName, EventType
from fleet.server.broker.mosquitto import BrokerFiles
from fleet.server.broker.transport import Handler, Incoming
from fleet.server.clock.local_days import local_day
from fleet.server.database.database import Database
from fleet.server.ingest.parse import ArrivedEvent, arrived_event
from fleet.server.ingest.write import Writer
from fleet.server.issuers.tables import wishes
from fleet.server.keys.signing import Signer
from fleet.server.orders.model import OrderEvent, OrderLine, OrderRecord
from fleet.server.orders.service import apply_step, import_orders, settle_returns
from fleet.server.orders.tables import orders
from fleet.server.readings.queries import StoreReadings
from fleet.server.sign_in import passwords
from fleet.server.stations.service import add_stations
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.server.databases import new_store
from tests.fakes.server.receipts import signed_receipt

ISSUER_KEY = bytes(range(32))
NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
SIGNING_KEY = ECKey.generate_key("P-256")
SIGNER = Signer(SIGNING_KEY)
"""The server's, of transports in memory."""


@dataclass
class SealingStation:
    """A station's chain: each event follows the one before."""

    name: str = "entre-a"
    epoch: int = 1
    sealed: list[Event] = field(default_factory=list)

    def seal(
        self,
        kind: str = "se.kortkiosk.test",
        content: dict[str, object] | None = None,
        *,
        time: str = "2026-06-01T09:59:00Z",
        **facts: str,
    ) -> Event:
        """The next event of the chain."""
        prev = {"prev": self.sealed[-1].hash} if self.sealed else {}
        place = Facts(self.name, self.epoch, len(self.sealed) + 1, "boot-1", kind, time, **{**prev, **facts})
        self.sealed.append(seal(place, content or {}))
        return self.sealed[-1]

    def seals(self, number: int) -> list[Event]:
        """That many events without meaning."""
        return [self.seal() for _ in range(number)]

    def pickup(self, order: str = "O-1", card: str = "9752269875", errand: str | None = None) -> list[Event]:
        """The events of one pick-up that ends well."""
        errand = errand or str(uuid.uuid4())
        about = {"errand": errand, "order": order, "card_number": card}
        receipt = signed_receipt(self.name, f"R-{order}", order, card)
        end = {**about, "kind": "pickup", "outcome": "done", "hsa_id": "TEST000000-0001", "seconds": 61.5}
        return [
            self.seal(EventType.ERRAND_STARTED, {"errand": errand, "kind": "pickup"}),
            self.seal(EventType.EFFECT_DONE, {**about, "effect": "slot.take", "outcome": "taken", "slot": 3}),
            self.seal(EventType.CARD_ACTIVATED, about),
            self.seal(
                EventType.RECEIPT_ISSUED, {**about, "number": f"R-{order}", "receipt": receipt, "signed": "attested"}
            ),
            self.seal(EventType.ERRAND_ENDED, end),
        ]


def arrived(*events: Event) -> list[ArrivedEvent]:
    """As they come from their own station's topic."""
    return [arrived_event(event.station, event, event.wire) for event in events]


def record(order: str = "O-1", **changes: object) -> OrderRecord:
    """An order that is in its slot."""
    values: dict[str, object] = {
        "order": order,
        "hsa_id": "TEST000000-0001",
        "name": "Tove Test",
        "protected": False,
        "card_number": "9752269875",
        "product": "etjanstekort",
        "loa": 3,
        "station": "entre-a",
        "slot": 3,
        "last_day": "2026-08-30",
        "envelope_key": "2026a",
        "envelope_mac": "ab" * 32,
    }
    return OrderRecord(**{**values, **changes})  # type: ignore[arg-type]


def hold_orders(database: Database, *records: OrderRecord, now: datetime = NOW) -> None:
    """Import them, for stations that are known from then on. What is past its last day was in time when it was imported."""
    over = [one for one in records if one.last_day < local_day(now)]
    given = [replace(one, last_day="2099-12-31") if one in over else one for one in records]
    with database.writing.begin() as connection:
        add_stations(connection, {one.station for one in records})
        import_orders(connection, [OrderLine(number + 2, one) for number, one in enumerate(given)], now)
        for one in over:
            connection.execute(update(orders).where(orders.c.order == one.order).values(last_day=one.last_day))


def prove_hand_over(
    database: Database, order: str = "O-1", what: OrderEvent = "collected", now: datetime = NOW
) -> None:
    """As who attested it has proved (`card.received`)."""
    with database.writing.begin() as connection:
        apply_step(connection, order, what, now)
        settle_returns(connection, set(connection.execute(select(orders.c.card_number)).scalars()), ())


def prove_ask(
    database: Database, ask: AskName, station: str, at: datetime, card: str = "", outcome: str = "believed"
) -> None:
    """An ask of that station that people have proved, as it is kept once it is done."""
    facts = {"station": station, "id": uuid.uuid4().hex, "ask": ask, "digest": "", "card_number": card}
    with database.writing.begin() as connection:
        connection.execute(insert(wishes).values(**facts, people='["TEST000000-A001"]', outcome=outcome, at=at))
        settle_returns(connection, {card} if card else (), () if card else {station})


class MemoryTransport:
    """A broker in memory: keeps what was acknowledged and published."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.acknowledged: list[Incoming] = []
        self.published: list[tuple[str, bytes, bytes | None]] = []
        self.expiries: list[int | None] = []
        self._acknowledging = asyncio.Event()

    async def start(self, handler: Handler) -> None:
        self.handler = handler

    async def stop(self) -> None:
        self.handler = None

    def acknowledge(self, message: Incoming) -> None:
        self.acknowledged.append(message)
        self._acknowledging.set()

    def publish(
        self, topic: str, payload: bytes, correlation: bytes | None = None, *, expiry_s: int | None = None
    ) -> None:
        self.published.append((topic, payload, correlation))
        self.expiries.append(expiry_s)

    async def settled(self, number: int) -> None:
        """Until that many messages have been acknowledged in all."""
        async with asyncio.timeout(LIMIT_S):
            while len(self.acknowledged) < number:
                self._acknowledging.clear()
                await self._acknowledging.wait()

    async def told(self, station: str, word: Acked) -> None:
        """Until that station has been told that: the words of one moment go out together, a little later."""
        async with asyncio.timeout(LIMIT_S):
            while word not in self.acked(station):  # noqa: ASYNC110  # published by a timer of the product's
                await asyncio.sleep(0.01)

    def acked(self, station: str) -> list[Acked]:
        """What this station was told, in order."""
        read = AckedReader(SIGNING_KEY)
        return [
            read.open(payload, station)[0] for topic, payload, _ in self.published if topic == Topics(station).acked
        ]


class KeptChanges:
    """What pages were told."""

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def publish(self, topics: frozenset[str]) -> None:
        self.topics |= topics


def wall_clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Argon2id with the least it takes, also for a name that is not known: the tests are not about how long it lasts."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "hasher", quick)
        patch.setattr(passwords, "HASH_OF_NOBODY", quick.hash("nobody"))
        yield


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """All keys of a fleet, with one issuer's key for letters."""
    made = Authority.init(tmp_path_factory.mktemp("keys") / "authority", [], wall_clock())
    keys = {"2026a": base64.b64encode(ISSUER_KEY).decode()}
    (made.directory / "verifier" / "envelope-keys.json").write_text(json.dumps(keys))
    return made


def enrolled(authority: Authority, directory: Path, station: str, port: int) -> Identity:
    """A station's identity, from claim code to certificate."""
    code = authority.claim(station, wall_clock())
    return enrol(authority, directory, BrokerAddress("127.0.0.1", port), code, wall_clock())


def broker_files(authority: Authority) -> BrokerFiles:
    server = authority.directory / "server"
    return BrokerFiles(authority.directory / "ca" / "ca.pem", server / "broker.pem", server / "broker.key")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = new_store(tmp_path / "fleet.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Writer:
    return Writer(database)


@pytest.fixture
def readings(database: Database) -> StoreReadings:
    return StoreReadings(database, lambda: NOW)


@pytest.fixture
def station() -> SealingStation:
    return SealingStation()
