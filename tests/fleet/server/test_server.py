"""The whole server, as a process and as a context, on a real broker with TLS: kills lose and double nothing."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import select

from fleet.messages.link import (
    Acked,
    EnvelopeAsk,
    SyncAsk,
    envelope_info,
    envelope_mac_input,
)
from fleet.messages.topics import Topics
from fleet.server.accounts.queries import from_issuer
from fleet.server.alerts import monitor
from fleet.server.alerts.service import AlertService
from fleet.server.broker import mqtt5_client as mqtt
from fleet.server.broker.mosquitto import MAX_PACKET, Broker
from fleet.server.cli import main
from fleet.server.commands.model import Requester
from fleet.server.database.database import Database
from fleet.server.envelope_resets.model import ResetRow
from fleet.server.envelope_resets.service import EnvelopeResetService
from fleet.server.events.tables import events
from fleet.server.live_feed.hub import Hub
from fleet.server.people import directory_sync
from fleet.server.people.directory_sync import directory_trouble
from fleet.server.people.queries import find_person, replace_administrators
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.readings.queries import StoreReadings
from fleet.server.server import FleetServer, ServerError
from fleet.server.verifier.judge import SUITE
from fleet.server.web.roles import Role
from provisioning.authority import Authority
from sim.stories.administrators import listed
from sim.stories.patience import LIMIT_S
from tests.fakes.fleet.station_peer import FleetStation
from tests.fakes.machine.ports import free_address
from tests.fakes.server.directory_server import DirectoryServer, directory
from tests.fakes.server.server_process import Serving
from tests.fleet.server.conftest import (
    ISSUER_KEY,
    KeptChanges,
    SealingStation,
    broker_files,
    enrolled,
    hold_orders,
    record,
    wall_clock,
)

__all__ = ["directory"]

PUK = "73910264"

pytestmark = pytest.mark.broker


@pytest.fixture
def serving(authority: Authority, tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path / "data", authority.directory, free_address())
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end(signal.SIGTERM)


@pytest.fixture
def station(authority: Authority, serving: Serving, tmp_path: Path) -> Iterator[FleetStation]:
    enrolled(authority, tmp_path / "entre-a", "entre-a", serving.mqtt.port)
    made = FleetStation("entre-a", tmp_path / "entre-a", serving.mqtt.port)
    made.start()
    yield made
    made.stop()


def fetched(address: str) -> int:
    with urllib.request.urlopen(address) as page:
        status: int = page.status
    return status


def stored(data: Path) -> list[tuple[int, int, bytes]]:
    database = Database.open(data / "fleet.sqlite")
    with database.reading.begin() as connection:
        query = select(events.c.epoch, events.c.sequence, events.c.envelope)
        rows = [tuple(row) for row in connection.execute(query.order_by(events.c.epoch, events.c.sequence))]
    database.close()
    return rows


def test_a_server_killed_in_the_middle_of_a_stream_holds_every_event_once(
    serving: Serving, station: FleetStation
) -> None:
    chain = SealingStation()
    for _ in range(3):
        station.send(*chain.seals(100))
        station.settle()
        station.send(*chain.seals(400))
        serving.end(signal.SIGKILL)
        serving.start()
    station.settle()
    assert station.acked[-1] == Acked(1, 1500)
    assert stored(serving.data) == [(one.epoch, one.sequence, one.envelope) for one in chain.sealed]
    database = Database.open(serving.data / "fleet.sqlite")
    row = StoreReadings(database, wall_clock).station("entre-a", wall_clock())
    database.close()
    assert row is not None
    assert (row.missing, row.chain_ok, row.quarantined, row.online) == (0, True, 0, True)


def test_poison_on_the_wire_is_counted_as_held(serving: Serving, station: FleetStation) -> None:
    one, _, _, four = SealingStation().seals(4)
    station.send(one)
    station.publish_raw(station.topics.events, b"\xff not an event", (1, 2))
    station.publish_raw(station.topics.events, b"x" * (MAX_PACKET - 200), (1, 3))  # as much as the broker takes
    station.send(four)
    station.settle()
    assert station.acked[-1] == Acked(1, 4)


def give_new_tries(database: Database) -> str | None:
    """As two administrators do; what the server's verifier said."""
    both = [Requester(name, stepped_up=True, hsa_id=name) for name in ("TEST000000-0013", "TEST000000-0014")]
    with database.writing.begin() as connection:
        for one in both:
            from_issuer(connection, one.name, one.name, ((Role.ID_ADMINISTRATOR, "*"),), wall_clock(), one.hsa_id)
        replace_administrators(connection, [listed(one.name, "Test") for one in both])
    resets = EnvelopeResetService(database, KeptChanges(), wall_clock)
    assert isinstance(resets.ask("O-1", "fel brev", both[0]), ResetRow)
    assert isinstance(resets.agree("O-1", both[1]), ResetRow)
    until = time.monotonic() + LIMIT_S
    while (story := resets.story("O-1")) is not None and story.rows[0].state != "ended":
        assert time.monotonic() < until
        time.sleep(0.05)
    return story.rows[0].result if story else None


def test_a_station_syncs_and_has_an_envelope_verified(
    serving: Serving, station: FleetStation, authority: Authority, tmp_path: Path
) -> None:
    mac = hmac.digest(ISSUER_KEY, envelope_mac_input("9752269875", PUK), hashlib.sha256).hex()
    database = Database.open(serving.data / "fleet.sqlite")
    hold_orders(database, record(envelope_mac=mac, last_day="2099-01-01"))
    assert station.ask(SyncAsk()).jws is not None
    public = json.loads((authority.directory / "public.json").read_text())
    key = X25519PublicKey.from_public_bytes(base64.b64decode(public["verifier_key"]))

    def verdict(puk: str) -> str | None:
        nonce = os.urandom(16).hex()
        sealed = SUITE.encrypt(puk.encode(), key, envelope_info("entre-a", "O-1", nonce))
        return station.ask(EnvelopeAsk("O-1", nonce, base64.b64encode(sealed).decode())).verdict

    assert [verdict(puk) for puk in (PUK, *["00000000"] * 4, PUK)] == ["match", *["no_match"] * 4, "too_many"]
    assert give_new_tries(database) == "reset"
    assert verdict(PUK) == "match"
    database.close()
    serving.end(signal.SIGTERM)
    kept = b"".join(path.read_bytes() for path in serving.data.rglob("*") if path.is_file())
    shapes = (PUK.encode(), PUK.encode().hex().encode(), bytes.fromhex(PUK), base64.b64encode(PUK.encode()))
    assert not [shape for shape in shapes if shape in kept], "the code is in none of the server's files"


def test_no_station_reaches_another_ones_topics(
    serving: Serving, station: FleetStation, authority: Authority, tmp_path: Path
) -> None:
    enrolled(authority, tmp_path / "entre-b", "entre-b", serving.mqtt.port)
    other = FleetStation("entre-b", tmp_path / "entre-b", serving.mqtt.port)
    other.start()
    other.listen_to("kortkiosk/v1/#")
    other.listen_to(Topics("entre-a").acked)
    stolen = SealingStation().seal()
    other.publish_raw(Topics("entre-a").events, stolen.wire, (1, 1))
    mine = SealingStation("entre-b").seal()
    other.send(mine)
    other.settle()
    own = SealingStation().seal()
    station.send(own)
    station.settle()
    other.send(*SealingStation("entre-b", sealed=[mine]).seals(1))
    other.settle()
    other.stop()
    assert sorted(envelope for _, _, envelope in stored(serving.data) if b"entre-a" in envelope) == [own.envelope]
    assert set(other.heard) <= {Topics("entre-b").acked}


def test_pages_are_served_and_sigterm_ends_all_in_time(serving: Serving) -> None:
    assert fetched(f"{serving.ready['http']}/") == 200
    broker_pid = int((serving.data / "broker" / "mosquitto.pid").read_text())
    assert serving.end(signal.SIGTERM) == 0
    assert not Path(f"/proc/{broker_pid}").exists()
    assert not (serving.data / "broker" / "mosquitto.pid").exists()


def test_sigint_is_an_interruption(serving: Serving) -> None:
    assert serving.end(signal.SIGINT) == 130


def test_a_second_server_on_the_same_data_is_refused(serving: Serving, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "serve",
        "--unseparated",
        "--data",
        str(serving.data),
        "--authority",
        str(serving.authority),
        "--http",
        "127.0.0.1:0",
    ]
    assert main(arguments) == 2
    assert "another server runs on this data" in capsys.readouterr().err


def test_pages_are_refused_to_the_world(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path), "--authority", str(authority.directory), "--http", "0.0.0.0:0"]
    assert main(["serve", "--init", "--unseparated", *where, "--json"]) == 2
    assert "use a loopback address" in json.loads(capsys.readouterr().out)["error"]


def test_the_ca_s_key_beside_the_server_is_refused(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path), "--authority", str(authority.directory), "--verifier", str(tmp_path / "socket")]
    assert main(["serve", "--init", *where]) == 2
    assert "ca.key: the CA's key lies beside the server" in capsys.readouterr().err


def test_an_authority_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["serve", "--init", "--unseparated", "--data", str(tmp_path / "d"), "--authority", str(tmp_path / "none")])
        == 2
    )
    assert "no such directory" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert (
        main(
            ["serve", "--init", "--unseparated", "--data", str(tmp_path / "d"), "--authority", str(tmp_path / "empty")]
        )
        == 2
    )
    assert "signing.key: No such file or directory" in capsys.readouterr().err


def test_settings_of_time_stamps_that_cannot_be_used_are_named(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evidence.toml"
    path.write_text('tsa_url = "https://tsa.example"\n')
    where = ["--data", str(tmp_path / "data"), "--authority", str(authority.directory), "--evidence", str(path)]
    assert main(["serve", "--init", "--unseparated", *where]) == 2
    assert f"{path}: Object missing required field `tsa_ca`" in capsys.readouterr().err


def test_settings_of_the_directory_that_cannot_be_used_are_named(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "directory.toml"
    path.write_text('[ldap]\nurl = "http://ek.example"\n')
    where = ["--data", str(tmp_path / "data"), "--authority", str(authority.directory), "--directory", str(path)]
    assert main(["serve", "--init", "--unseparated", *where]) == 2
    assert f"{path}: " in capsys.readouterr().err


async def test_people_come_as_soon_as_the_directory_answers_without_a_restart(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: DirectoryServer
) -> None:
    monkeypatch.setattr(mqtt, "START_PATIENCE_S", 0.05)
    monkeypatch.setattr(directory_sync, "AGAIN_S", 0.1)
    directory.add("TEST000000-0001", "Alva Test")
    directory.stop()
    config = ServerConfig(
        tmp_path / "data", authority.directory, http=Address("127.0.0.1", 0), broker=free_address(),
        directory=directory.write_settings(tmp_path / "directory.toml"),
    )  # fmt: skip
    async with FleetServer(config):
        database = Database.open(config.database)

        async def becomes(trouble: str | None, name: str | None) -> None:
            async with asyncio.timeout(LIMIT_S):
                while True:
                    with database.reading.begin() as connection:
                        person = find_person(connection, "TEST000000-0001")
                    if (directory_trouble(database), person and person.name) == (trouble, name):
                        return
                    await asyncio.sleep(0.05)

        await becomes("LDAP: ConnectionError", None)
        await asyncio.to_thread(directory.start)
        await becomes(None, "Alva Test")
        database.close()


async def test_a_server_uses_a_broker_that_runs_elsewhere(authority: Authority, tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), broker_files(authority)) as broker:
        config = ServerConfig(
            tmp_path / "data", authority.directory, http=Address("127.0.0.1", 0), broker=broker.address
        )
        async with FleetServer(config) as server:
            assert server.mqtt == broker.address
        assert not (tmp_path / "data" / "broker").exists()


async def test_without_a_broker_the_server_starts_says_so_and_serves_pages(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mqtt, "START_PATIENCE_S", 0.05)
    nobody = free_address()
    config = ServerConfig(tmp_path / "data", authority.directory, http=Address("127.0.0.1", 0), broker=nobody)
    async with FleetServer(config) as server:
        assert await asyncio.to_thread(fetched, f"http://{server.http}/") == 200
    assert f"no connection to the broker at {nobody} yet" in caplog.text


def test_a_server_refuses_pages_to_the_world_in_code_too(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="other machines reach it"), contextlib.suppress(OSError):
        FleetServer(ServerConfig(tmp_path, authority.directory, http=Address("0.0.0.0", 0)))  # noqa: S104


class MovedClock:
    """The time of day, and as much later as a test says."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return wall_clock() + self.by


@pytest.mark.parametrize("how", ["killed with its broker", "left in order"])
async def test_a_station_that_is_gone_without_a_will_is_silent_then_offline_with_an_alert(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its presence stays "online" at the broker, which replays it when it starts again: that is not being heard."""
    monkeypatch.setattr(monitor, "LOOK_EVERY_S", 0.1)
    clock = MovedClock()
    config = ServerConfig(tmp_path / "data", authority.directory, free_address(), Address("127.0.0.1", 0))
    async with FleetServer(config, clock) as server:
        database = Database.open(config.database)
        readings = StoreReadings(database, clock)
        alerts = AlertService(database, Hub(), clock)

        async def becomes(contact: str, *alert: str) -> datetime | None:
            async with asyncio.timeout(LIMIT_S):
                while True:
                    row = readings.station("entre-a", clock())
                    told = tuple(alert.code for alert in alerts.list_alerts(is_open=True)[0])
                    if row is not None and (row.contact, told) == (contact, alert):
                        return row.heard
                    await asyncio.sleep(0.05)

        enrolled(authority, tmp_path / "entre-a", "entre-a", server.mqtt.port)
        station = FleetStation("entre-a", tmp_path / "entre-a", server.mqtt.port)
        await asyncio.to_thread(station.start)
        heard = await becomes("online")
        broker = int((config.data / "broker" / "mosquitto.pid").read_text())
        if how == "left in order":
            await asyncio.to_thread(station.leave)
        else:
            os.kill(broker, signal.SIGSTOP)  # so that it says no last will
            await asyncio.to_thread(station.stop)
            os.kill(broker, signal.SIGKILL)
        clock.by = timedelta(minutes=4)
        assert await becomes("silent", "silent") == heard
        clock.by = timedelta(minutes=16)
        assert await becomes("offline", "offline") == heard
        database.close()
