"""A certificate renewed over the real link: station, broker and server, with a power cut at every step."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleet.agent import outbox
from fleet.agent.certificate_renewal import CertificateRenewal
from fleet.agent.drain import FlowLimits
from fleet.agent.identity import Broker, Identity
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.link import StationState
from fleet.server.broker import mosquitto
from fleet.server.database.database import open_database
from fleet.server.enrolment import queries
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer
from provisioning import pki
from provisioning.authority import Authority
from provisioning.enrol import enrol
from provisioning.issuing import Issuing, issue_issuing
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import wall_clock

DAY = timedelta(days=1)
pytestmark = pytest.mark.broker


@dataclass
class Fleet:
    """A server with an issuing key, and the identity of a station that was enrolled 62 days ago."""

    authority: Authority
    config: ServerConfig
    identity: Path


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    then = wall_clock() - 62 * DAY
    authority = Authority.init(tmp_path / "authority", [], then)
    issue_issuing(authority, then)
    config = ServerConfig(tmp_path / "data", authority.directory, free_address(), Address("127.0.0.1", 0))
    config.data.mkdir()
    with open_database(config.database):
        pass
    code = authority.claim("entre-a", then)
    enrol(authority, tmp_path / "identity", Broker("127.0.0.1", config.mqtt.port), code, then)
    return Fleet(authority, config, tmp_path / "identity")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[outbox.SCHEMA])
    yield made
    made.close()


class Line:
    """A station's link, with what came of it."""

    def __init__(self, link: Link, identity: Identity) -> None:
        self.link, self.identity = link, identity
        self.renewal = CertificateRenewal(identity, link)
        self.connections, self.changed = 0, asyncio.Event()
        link.on_change(self._on_change)

    def _on_change(self, online: bool) -> None:
        self.connections += online
        self.changed.set()

    async def until(self, connections: int) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self.connections < connections or not self.link.online:
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def linked(fleet: Fleet, store: StationStore, clock: timedelta = timedelta()) -> AsyncIterator[Line]:
    identity = Identity.load(fleet.identity)
    timing = Timing(first_s=0.05, pace=FlowLimits(acked_timeout_s=0.5), clock=lambda: wall_clock() + clock)
    link = Link(identity, store, "boot-1", timing)
    line = Line(link, identity)
    async with link:
        await line.until(1)
        yield line


async def test_it_is_renewed_and_the_chain_goes_on_without_a_new_epoch(fleet: Fleet, store: StationStore) -> None:
    chain = EventChain("entre-a", 1, "boot-1")
    before = Identity.load(fleet.identity)
    old, key = before.certificate(), before.private_key().public_key()
    async with FleetServer(fleet.config), linked(fleet, store) as line:
        line.link.publish_state(StationState("Entrén", "0", "boot-1", "2026-06-01T08:00:00Z", errand="pickup"))
        await store.transact(lambda cx: outbox.append(cx, chain, "se.kortkiosk.test", "2026-06-01T08:00:00Z", None, {}))
        line.link.notify()
        await line.renewal.refresh()
        assert line.connections == 1, "nobody is cut off in an errand"
        await store.transact(lambda cx: outbox.append(cx, chain, "se.kortkiosk.test", "2026-06-01T08:00:01Z", None, {}))
        line.link.notify()
        line.link.publish_state(StationState("Entrén", "0", "boot-1", "2026-06-01T08:00:02Z"))
        await line.until(2)
        async with asyncio.timeout(LIMIT_S):
            while await store.transact(lambda cx: outbox.depth(cx, "entre-a")):  # noqa: ASYNC110  # told by a word of the server
                await asyncio.sleep(0.02)
        await line.renewal.refresh()
    after = Identity.load(fleet.identity)
    assert after.epoch == before.epoch
    assert after.private_key().public_key() != key
    assert after.chain()[1].subject.rfc4514_string() == "CN=kortkiosk fleet issuing 1"
    assert after.not_after > old.not_valid_after_utc + 50 * DAY
    assert line.identity.not_after == after.not_after
    assert not list(fleet.identity.glob("*.next"))


async def test_a_power_cut_at_every_step_comes_up_with_one_of_the_two(
    fleet: Fleet, store: StationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, seen, number = Identity.load(fleet.identity).certificate(), list[str](), 0
    async with FleetServer(fleet.config):
        while number == len(seen):
            number += 1
            station = replace(fleet, identity=fleet.identity.with_name(f"identity-{number}"))
            shutil.copytree(fleet.identity, station.identity)
            async with linked(station, store) as line:
                with monkeypatch.context() as patched:
                    is_cut = await _cut_at(number, patched, line)
            if is_cut:
                seen.append("old" if Identity.load(station.identity).certificate() == old else "new")
                async with linked(station, store) as line:
                    await line.renewal.refresh()
            assert Identity.load(station.identity).not_after > old.not_valid_after_utc
    assert seen == ["old"] * 5 + ["new"] * 2, seen
    assert len(issued(fleet)) == number, "after each cut the same key was asked for again"


def issued(fleet: Fleet) -> list[queries.StationCertificate]:
    """What the server has written down."""
    with open_database(fleet.config.database) as database, database.reading.begin() as connection:
        return list(queries.list_certificates(connection))


async def _cut_at(number: int, patched: pytest.MonkeyPatch, line: Line) -> bool:
    """Renew, but lose power before the `number`th file is made, written through or renamed. Whether it came so far."""
    counted, is_cut = 0, False
    put = Path.replace

    def step() -> None:
        nonlocal counted, is_cut
        counted += 1
        if counted == number:
            is_cut = True
            raise KeyboardInterrupt

    def counting_replace(self: Path, target: Path) -> Path:
        if target.parent == line.identity.key_file.parent:
            step()
        return put(self, target)

    patched.setattr(Path, "replace", counting_replace)
    ask = line.link.ask

    async def counting_ask(*arguments: object, **named: object) -> object:
        step()
        answer = await ask(*arguments, **named)  # type: ignore[arg-type]
        step()
        return answer

    patched.setattr(line.link, "ask", counting_ask)
    try:
        await line.renewal.refresh()
    except KeyboardInterrupt:
        assert is_cut
    return is_cut


async def offline(line: Line) -> None:
    """Until it is put out, and not let in again."""
    async with asyncio.timeout(LIMIT_S):
        while line.link.online:
            line.changed.clear()
            await line.changed.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await line.until(line.connections + 1)


async def test_who_is_revoked_at_the_authority_is_put_out_though_renewed_since(
    fleet: Fleet, store: StationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mosquitto, "REVOCATION_CHECK_S", 0.1)
    async with FleetServer(fleet.config), linked(fleet, store) as line:
        await line.renewal.refresh()
        line.link.publish_state(StationState("Entrén", "0", "boot-1", "2026-06-01T08:00:02Z"))
        await line.until(2)
        assert await asyncio.to_thread(fleet.authority.revoke, "entre-a", wall_clock()) == 1
        await offline(line)
    assert [one.revoked is not None for one in issued(fleet)] == [True]


async def test_a_server_that_was_restored_renews_what_it_has_forgotten(fleet: Fleet, store: StationStore) -> None:
    """The station's certificate is of the issuing key, and the store knows nothing of it."""
    issuing = Issuing.load(fleet.authority.directory)
    assert issuing is not None
    public = Identity.load(fleet.identity).private_key().public_key()
    chain = issuing.chain(issuing.issue("entre-a", public, wall_clock() - 61 * DAY))
    (fleet.identity / "station.pem").write_bytes(b"".join(map(pki.certificate_pem, chain)))
    async with FleetServer(fleet.config), linked(fleet, store) as line:
        await line.renewal.refresh()
    assert [(one.serial, one.epoch) for one in issued(fleet)] == [
        (chain[0].serial_number, 1),
        (Identity.load(fleet.identity).certificate().serial_number, 1),
    ]


async def test_clocks_that_are_wrong_by_years_are_told_so_and_renew_in_time(fleet: Fleet, store: StationStore) -> None:
    async with FleetServer(fleet.config):
        for years in (-10, 10):
            station = replace(fleet, identity=fleet.identity.with_name(f"identity-{years}"))
            shutil.copytree(fleet.identity, station.identity)
            async with linked(station, store, 365 * years * DAY) as line:
                await line.renewal.refresh()
                assert abs(line.link.time - wall_clock()) < DAY
                renewed = line.identity.certificate()
                assert renewed.not_valid_after_utc > wall_clock() + 80 * DAY
                await line.renewal.refresh()
                assert line.identity.certificate() == renewed, "it is not due again"
