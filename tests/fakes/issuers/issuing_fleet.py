"""A fleet around one issuer, all real but the broker: simulator over TLS, the server's answers, and a station's link in memory.

Loopback only. The simulator issues as the virtual cards' own authority, so that readers trust what it gives.
"""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from fleet.agent.identity import Broker, Identity
from fleet.agent.keeping import LinkDown
from fleet.messages.issuing import CardRecord, DirectoryPerson
from fleet.messages.link import Answer, Ask, encode
from fleet.server.asks.answers import Answers
from fleet.server.database.database import Database
from fleet.server.issuer_wiring import connected
from fleet.server.issuers.region_data import RegionData
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.keys.signing import Signer
from fleet.server.people.queries import replace_administrators
from fleet.server.process.addresses import Address
from fleet.server.stations.alarms import AlarmRecorder
from provisioning.authority import public_jwk
from sim.issuer.core import Simulator
from sim.issuer.database import Seed
from sim.issuer.server import RunningIssuer, SimulatorConfig, open_issuer
from sim.reader.personas import person
from sim.reader.piv.memory import FACTORY_MANAGEMENT_KEY
from sim.stories.administrators import listed
from sim.stories.patience import LIMIT_S
from sim.stories.room import authority
from tests.fakes.server.databases import new_store

STATION = "entre-a"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOLDER, CARD = person(1), person(1).old.card_number
ADMINISTRATOR = person(13)
PUK = "91827364"
ANY_PORT = Address("127.0.0.1", 0)
_SIGNING = ec.generate_private_key(ec.SECP256R1())


class DirectLink:
    """The station's link without a broker between; implements `fleet.agent.blocks.Asker`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.online = True
        self.asked: list[Ask] = []
        self.answered: list[Answer] = []
        self._listeners: list[Callable[[bool], None]] = []

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def set_online(self, online: bool) -> None:
        """Plug the cable in, or pull it."""
        self.online = online
        for listener in list(self._listeners):
            listener(online)

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        if not self.online:
            raise LinkDown("cut")
        self.asked.append(message)
        self.answered.append(await self._answers.answer(STATION, encode(message)))
        return self.answered[-1]


@dataclass(slots=True)
class Fleet:
    """Everything that a test may look at, or break."""

    simulator: Simulator
    open_issuer: RunningIssuer
    answers: Answers
    issuer: IssuerAnswers
    region: RegionData
    link: DirectLink
    database: Database
    folder: Path


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Where the station's secret for what it keeps is made; gone when the process ends."""
    return tempfile.TemporaryDirectory(prefix="kortkiosk-test-", ignore_cleanup_errors=True)


@cache
def identity() -> Identity:
    """A station that pins the test's signing key; it connects nowhere."""
    nowhere, broker = Path(_folder().name) / "nothing", Broker("localhost", 1)
    return Identity(STATION, 1, broker, nowhere, nowhere, nowhere, public_jwk(_SIGNING), bytes(32), NOW)


def seed() -> Seed:
    """The first person with an old card, its one certificate not told, and the administrator."""
    people = tuple(DirectoryPerson(one.hsa_id, one.name) for one in (HOLDER, ADMINISTRATOR))
    cards = (
        CardRecord(CARD, HOLDER.hsa_id, "601", "active"),
        CardRecord(ADMINISTRATOR.new.card_number, ADMINISTRATOR.hsa_id, "601", "active"),
    )
    return Seed(people, cards, {CARD: PUK}, orders="order,hsa_id\n")


@asynccontextmanager
async def fleet(folder: Path, clock: Callable[[], datetime] = lambda: NOW) -> AsyncIterator[Fleet]:
    """Simulator, server side and link, until the context ends."""
    authority().save(folder / "ca")
    (folder / "region").mkdir(parents=True)
    keys = [{"algorithm": "AES-192", "key": base64.b64encode(FACTORY_MANAGEMENT_KEY).decode()}]
    (folder / "card-keys.json").write_text(json.dumps({"management": {"*": keys}, "unblock": {CARD: keys}}))
    database = new_store(folder / "fleet.sqlite")
    with database.writing.begin() as connection:
        replace_administrators(connection, [listed(ADMINISTRATOR.hsa_id, ADMINISTRATOR.name)])
    signer = _signer(folder)
    config = SimulatorConfig(folder, ANY_PORT, ANY_PORT)
    async with open_issuer(config, clock) as one:
        one.simulator.fill(seed())
        settings = IssuerSettings.load(one.settings)
        async with connected(settings, database, signer, AlarmRecorder(database), clock) as (issuer, region):
            async with asyncio.timeout(LIMIT_S):
                while not region.lists:  # noqa: ASYNC110  # fetched by a task of its own
                    await asyncio.sleep(0.005)
            answers = Answers(database, signer, None, AlarmRecorder(database), clock, issuer, region)  # type: ignore[arg-type]
            yield Fleet(one.simulator, one, answers, issuer, region, DirectLink(answers), database, folder)
    database.close()


def _signer(folder: Path) -> Signer:
    path = folder / "signing.key"
    path.write_bytes(_SIGNING.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert ECKey.import_key(path.read_bytes()).curve_name == "P-256"
    return Signer.load(path)
