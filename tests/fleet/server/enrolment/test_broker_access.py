"""A whole server: a station that is let in speaks to the broker at once, a revoked one is put out, and nothing is restarted."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fleet.agent.identity import Broker, Identity
from fleet.agent.signatures import Signatures
from fleet.messages.link import SyncAsk
from fleet.mqtt5 import serializer
from fleet.server.asks.guard import ask_guard
from fleet.server.asks.revocation_list import REMEMBERED_S
from fleet.server.asks.verification import AskRefusedError
from fleet.server.broker import mosquitto as broker_module
from fleet.server.broker.mqtt5_client import Credentials, tls_context
from fleet.server.database.database import Database
from fleet.server.enrolment import revocation_files
from fleet.server.enrolment.model import Revoked
from fleet.server.enrolment.revocation_files import issued_by_authority
from fleet.server.enrolment.service import EnrolmentService
from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer
from fleet.server.station_listener import StationListenerError, claim_terms
from provisioning.authority import Authority
from provisioning.enrol import enrol as enrol_at_authority
from provisioning.est.claim_codes import Claim
from provisioning.est.client import KeyShown, enrol
from provisioning.issuing import issue_issuing
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.rogue_client import CONNACK
from tests.fakes.server.enrolling import TOVE, wall_clock

pytestmark = pytest.mark.broker

FREE = Address("127.0.0.1", 0)
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


@pytest.fixture
def config(tmp_path: Path) -> ServerConfig:
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    issue_issuing(authority, wall_clock())
    return ServerConfig(tmp_path / "data", authority.directory, mqtt=FREE, http=FREE, station_http=FREE)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "REVOCATION_CHECK_S", 0.05)
    monkeypatch.setattr(revocation_files, "EVERY_S", 0.05)


class Desk:
    """A person at another process's pages, over the same store."""

    def __init__(self, config: ServerConfig, at: Address) -> None:
        assert isinstance(config.database, Path)
        self.database = Database.open(config.database)
        self.people = EnrolmentService(
            self.database, Hub(), wall_clock, claim_terms(config, at),
            at_authority=lambda: issued_by_authority(config.authority),
        )  # fmt: skip

    def close(self) -> None:
        self.database.close()

    def let_in(self, station: str, into: Path) -> Identity:
        """The station enrols, and is approved when it shows its key."""

        def approve(shown: KeyShown) -> None:
            row = next(row for row in self.people.claims() if row.station == station)
            self.people.decide(row.id, shown.fingerprint, TOVE, approves=True)

        claim = Claim.parse(self.people.make_claim(station, 24, TOVE))
        claim = replace(claim, server=claim.server.replace("127.0.0.1", "localhost"))
        return enrol(claim, into, tell=approve, sleep=lambda _seconds: None).identity


class Line:
    """A station's connection to the broker."""

    def __init__(self, identity: Identity, at: Address) -> None:
        files = Credentials(identity.ca_file, identity.certificate_file, identity.key_file)
        plain = socket.create_connection((at.host, at.port), LIMIT_S)
        self._line = tls_context(files).wrap_socket(plain, server_hostname="127.0.0.1")
        try:
            self._line.sendall(serializer.connect(identity.station, 30, 0, 100, 65536))
            self.is_let_in = self._line.recv(64)[:1] == CONNACK
        except OSError:  # TLS 1.3 tells here that the certificate is not wanted
            self._line.close()
            self.is_let_in = False

    def is_alive(self) -> bool:
        self._line.sendall(PINGREQ)
        return self._line.recv(64) == PINGRESP

    def until_ended(self) -> None:
        try:
            while self._line.recv(64):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self._line.close()


def is_refused(identity: Identity, at: Address) -> bool:
    line = Line(identity, at)
    line.close()
    return not line.is_let_in


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    opened: list[Line] = []
    yield opened
    for line in opened:
        line.close()


async def test_a_station_is_let_in_at_once_and_put_out_when_revoked_and_no_other_is(
    config: ServerConfig, tmp_path: Path, lines: list[Line]
) -> None:
    async with FleetServer(config) as server:
        assert server.station_http is not None
        desk = Desk(config, server.station_http)
        kept, lost = [await asyncio.to_thread(desk.let_in, name, tmp_path / name) for name in ("kept", "lost")]
        assert kept.broker.port == server.mqtt.port
        lines += [await asyncio.to_thread(Line, one, server.mqtt) for one in (kept, lost)]
        assert [line.is_let_in for line in lines] == [True, True]
        desk.people.revoke("lost", "stolen", TOVE)
        await asyncio.to_thread(lines[1].until_ended)
        assert await asyncio.to_thread(is_refused, lost, server.mqtt)
        assert await asyncio.to_thread(lines[0].is_alive), "no other station was disconnected"
        again = await asyncio.to_thread(desk.let_in, "lost", tmp_path / "again")
        lines.append(await asyncio.to_thread(Line, again, server.mqtt))
        assert lines[-1].is_let_in
        assert again.epoch == 2
        desk.close()
    async with FleetServer(replace(config, station_http=None)) as server:
        lines.append(await asyncio.to_thread(Line, again, server.mqtt))
        assert lines[-1].is_let_in, "who was let in stays in, also where nobody enrols any more"
        assert await asyncio.to_thread(is_refused, lost, server.mqtt)


async def test_one_that_the_authority_itself_has_enrolled_is_put_out_too_and_answered_no_more(
    config: ServerConfig, tmp_path: Path, lines: list[Line]
) -> None:
    authority = Authority(config.authority)
    before = wall_clock() - timedelta(minutes=1)
    code = authority.claim("stolen", before)
    stolen = enrol_at_authority(authority, tmp_path / "stolen", Broker("localhost", 1), code, before)
    async with FleetServer(config) as server:
        assert server.station_http is not None
        desk = Desk(config, server.station_http)
        signatures = Signatures(stolen)
        guard = ask_guard(config.ca, config.lists, desk.database, wall_clock, Counter())
        guard.verifier.verify("stolen", signatures.sign(SyncAsk(), wall_clock())[1])
        lines.append(await asyncio.to_thread(Line, stolen, server.mqtt))
        assert lines[0].is_let_in
        done = desk.people.revoke("stolen", "stolen", TOVE)
        serial = x509.load_pem_x509_certificate(stolen.certificate_file.read_bytes()).serial_number
        assert done == Revoked(0, (f"{serial:x}",)), "what is left for the authority's own list is said"
        await asyncio.to_thread(lines[0].until_ended)
        again = await asyncio.to_thread(Line, stolen, server.mqtt)
        await asyncio.to_thread(again.until_ended)
        again.close()
        fresh = ask_guard(config.ca, config.lists, desk.database, wall_clock, Counter())
        for one in (fresh, guard):
            await asyncio.sleep(0 if one is fresh else REMEMBERED_S)
            with pytest.raises(AskRefusedError, match="revoked"):
                one.verifier.verify("stolen", signatures.sign(SyncAsk(), wall_clock())[1])
        desk.close()


async def test_without_an_issuing_key_stations_do_not_enrol_and_the_start_says_what_to_do(
    config: ServerConfig, tmp_path: Path
) -> None:
    bare = Authority.init(tmp_path / "bare", [], wall_clock())
    with pytest.raises(StationListenerError, match="authority issue-issuing"):
        async with FleetServer(replace(config, authority=bare.directory)):
            pass
