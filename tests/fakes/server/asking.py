"""An ask desk on a broker in memory, with real answers, a real store, and stations that sign as enrolled ones do."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from joserfc.jwk import ECKey

from fleet.agent.identity import Identity
from fleet.agent.signatures import Signatures
from fleet.messages.link import Ask, SyncAsk
from fleet.messages.signed import SignedAnswer, open_answer, sign_ask
from fleet.messages.topics import Topics, station_of
from fleet.server.asks.answers import Answers
from fleet.server.asks.guard import AskGuard, ask_guard
from fleet.server.asks.service import AskHandling, AskService
from fleet.server.broker.inbox import Inbox, as_it_came
from fleet.server.broker.transport import Incoming
from fleet.server.database.database import Database
from fleet.server.keys.signing import Signer
from fleet.server.stations.alarms import AlarmRecorder
from provisioning.authority import Authority
from tests.fleet.server.conftest import MemoryTransport, enrolled


def real_clock() -> datetime:
    return datetime.now(UTC)


class Desk:
    """One server's side. `deliver` hands messages over as a broker does, and gives what the server published."""

    def __init__(self, authority: Authority, database: Database, folder: Path, verifier: Any = None) -> None:
        self.signer = Signer.load(authority.directory / "server" / "signing.key")
        self.key = ECKey.import_key({**authority.signing_key})
        self.counts: Counter[str] = Counter()
        self.transport = MemoryTransport()
        self.clock = real_clock
        ca = authority.directory / "ca"
        self.guard: AskGuard = ask_guard(ca / "ca.pem", [ca / "crl.pem"], database, lambda: self.clock(), self.counts)
        self.answers: Any = Answers(
            database, self.signer, verifier, AlarmRecorder(database), lambda: self.clock(), even_s=0
        )
        self.authority, self.folder = authority, folder
        self._identities: dict[str, Identity] = {}

    def signatures(self, station: str) -> Signatures:
        """Of a station that is enrolled here."""
        if station not in self._identities:
            self._identities[station] = enrolled(self.authority, self.folder / station, station, 8883)
        return Signatures(self._identities[station])

    def ask(self, station: str, ask: Ask | None = None, *, at: datetime | None = None) -> bytes:
        """What a station sends."""
        return self.signatures(station).sign(ask or SyncAsk(), at or self.clock())[1]

    def rogue(self, station: str, folder: Path, name: str) -> bytes:
        """An ask in that station's name by whoever has `name`.key and `name`.pem."""
        key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        certificate = load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        assert isinstance(key, EllipticCurvePrivateKey)
        return sign_ask((key, certificate), station, SyncAsk(), self.clock())[1]

    async def deliver(self, messages: Sequence[tuple[str, bytes]]) -> list[tuple[str, SignedAnswer]]:
        """Messages on `ask` by (station of the topic, payload). Gives the answers, in the order in which they left."""
        before = len(self.transport.published)
        made = [
            Incoming(Topics(station).ask, payload, correlation=number.to_bytes(16))
            for number, (station, payload) in enumerate(messages)
        ]
        await self.deliver_raw(*made)
        return [
            (station_of(topic) or "", open_answer(payload, self.key))
            for topic, payload, _ in self.transport.published[before:]
        ]

    async def deliver_raw(self, *messages: Incoming) -> None:
        """Anything at all, until all of it has been acknowledged."""
        acknowledged, inbox = len(self.transport.acknowledged), Inbox(asyncio.get_running_loop(), as_it_came)
        for message in messages:
            inbox.put(message)
        answering = AskHandling(self.answers, self.guard, self.signer)
        desk = asyncio.create_task(AskService(self.transport, answering, inbox, lambda: self.clock()).run())
        try:
            await self.transport.settled(acknowledged + len(messages))
        finally:
            desk.cancel()
            await asyncio.gather(desk, return_exceptions=True)
