"""The broker: configured for names and nothing else, started again, and never in the way of the next start."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.mqtt5 import serializer
from fleet.server.broker import mosquitto as broker_module
from fleet.server.broker.mosquitto import Broker, BrokerError, BrokerFiles, access_list, configuration
from fleet.server.broker.mqtt5_client import Credentials, tls_context
from fleet.server.process.addresses import Address
from fleet.server.process.open_files import most_connections
from fleet.server.stations.duplicate_identity import BrokerLog, SessionTakeOver
from provisioning.authority import Authority
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.mosquitto import until_listens
from tests.fakes.brokers.rogue_client import CONNACK
from tests.fakes.machine.ports import free_address
from tests.fleet.server.conftest import broker_files, enrolled, wall_clock

pytestmark = pytest.mark.broker

PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


async def test_a_broker_that_dies_is_started_again(authority: Authority, tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), broker_files(authority)) as broker:
        first = broker.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until_listens(broker.address, lambda: broker.pid not in (None, first))


async def test_a_broker_goes_on_while_the_servers_loop_stands_still(authority: Authority, tmp_path: Path) -> None:
    async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), broker_files(authority)) as broker:
        for _ in range(3000):  # each is a line or two of its log, more than a pipe holds
            socket.create_connection((broker.address.host, broker.address.port), LIMIT_S / 4).close()
        enrolled(authority, tmp_path / "entre-a", "entre-a", broker.address.port)
        files = (tmp_path / "entre-a" / name for name in ("ca.pem", "station.pem", "station.key"))
        with (
            socket.create_connection((broker.address.host, broker.address.port), LIMIT_S / 4) as line,
            tls_context(Credentials(*files)).wrap_socket(line, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(serializer.connect("entre-a", 30, 0, 100, 65536))
            assert secured.recv(64)[:1] == CONNACK


class Line:
    """One TLS connection of a station, byte by byte: whether it is the same one is plain.

    On asyncio's streams: of two blocking connections in one thread, OpenSSL tells the second of what befell the first.
    """

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._name, self._reader, self._writer = name, reader, writer

    @classmethod
    async def to(cls, address: Address, directory: Path) -> "Line":
        context = tls_context(Credentials(*(directory / name for name in ("ca.pem", "station.pem", "station.key"))))
        async with asyncio.timeout(LIMIT_S / 4):
            streams = await asyncio.open_connection(
                address.host, address.port, ssl=context, server_hostname="127.0.0.1"
            )
        return cls(directory.name, *streams)

    async def log_in(self) -> bool:
        """Whether the broker takes it: TLS 1.3 tells a client of its certificate's refusal only at the first word."""
        try:
            answer = await self._answer_to(serializer.connect(self._name, 60, 3600, 100, 65536))
        except (ConnectionError, ssl.SSLError):
            return False
        return answer[:1] == CONNACK and answer[3] == 0

    async def is_alive(self) -> bool:
        return await self._answer_to(PINGREQ) == PINGRESP

    async def _answer_to(self, packet: bytes) -> bytes:
        self._writer.write(packet)
        async with asyncio.timeout(LIMIT_S / 4):
            return await self._reader.read(64)

    async def until_ended(self) -> None:
        """Raises TimeoutError where the broker keeps it."""
        async with asyncio.timeout(LIMIT_S / 4):
            with contextlib.suppress(ConnectionError):
                while await self._reader.read(64):
                    pass

    def close(self) -> None:
        self._writer.close()


def revocable(authority: Authority) -> BrokerFiles:
    """As the server has them."""
    credentials, crl = Credentials.of(authority.directory, "fleet-server"), authority.directory / "ca" / "crl.pem"
    return replace(broker_files(authority), revoked=crl, client=credentials, authority=authority.directory)


async def test_a_revoked_station_is_put_out_and_not_let_in_again(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broker_module, "REVOCATION_CHECK_S", 0.05)
    caplog.set_level(logging.WARNING)
    log, take_overs = BrokerLog(), list[SessionTakeOver | None]()
    path = tmp_path / "broker"
    async with Broker(
        path, Address("127.0.0.1", 0), revocable(authority), lambda line: take_overs.append(log.read(line))
    ) as broker:
        names = ("kept", "lost", "quiet")
        for name in names:
            enrolled(authority, tmp_path / name, name, broker.address.port)
        first = broker.pid
        kept, lost, quiet = [await Line.to(broker.address, tmp_path / name) for name in names]
        assert await kept.log_in()
        assert await lost.log_in()
        for line, name in ((lost, names[1]), (quiet, names[2])):
            authority.revoke(name, wall_clock())
            if line is quiet:  # it has shown its certificate while that was good, and speaks once it is not any more
                await until(lambda: f"put out: {names[2]}" in caplog.text)
                await quiet.log_in()
            await line.until_ended()
            again = await Line.to(broker.address, tmp_path / name)
            assert not await again.log_in()
            again.close()
        assert await kept.is_alive()
        assert broker.pid == first
        for line in (kept, lost, quiet):
            line.close()
    assert [one for one in take_overs if one] == []
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("missing", ["issued.json", "client"])
async def test_where_sessions_cannot_be_ended_one_by_one_the_broker_is_started_again(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broker_module, "REVOCATION_CHECK_S", 0.05)
    caplog.set_level(logging.WARNING)
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    files = revocable(authority)
    files = replace(files, client=None) if missing == "client" else replace(files, authority=tmp_path)
    async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), files) as broker:
        enrolled(authority, tmp_path / "lost", "lost", broker.address.port)
        lost = await Line.to(broker.address, tmp_path / "lost")
        assert await lost.log_in()
        first = broker.pid
        authority.revoke("lost", wall_clock())
        await lost.until_ended()
        await until_listens(broker.address, lambda: broker.pid not in (None, first))
        again = await Line.to(broker.address, tmp_path / "lost")
        assert not await again.log_in()
        for line in (lost, again):
            line.close()
    assert "all stations connect anew" in caplog.text
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_a_list_that_cannot_be_read_leaves_the_former_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broker_module, "REVOCATION_CHECK_S", 0.05)
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), revocable(authority)) as broker:
        enrolled(authority, tmp_path / "kept", "kept", broker.address.port)
        kept, first = await Line.to(broker.address, tmp_path / "kept"), broker.pid
        assert await kept.log_in()
        (authority.directory / "ca" / "crl.pem").write_text("-----BEGIN X509 CRL-----\nMII")
        await until(lambda: "the former list of revoked certificates stays in force" in caplog.text)
        assert await kept.is_alive()
        assert broker.pid == first
        kept.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_broker_left_by_a_killed_server_is_ended_first(authority: Authority, tmp_path: Path) -> None:
    address = free_address()
    directory = tmp_path / "broker"
    async with Broker(directory, address, broker_files(authority)):
        pass
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    assert program is not None
    command = [program, "-c", str(directory / "mosquitto.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as orphan:  # noqa: ASYNC220 lives in the background
        (directory / "mosquitto.pid").write_text(str(orphan.pid))
        await until_listens(address)
        reaping = asyncio.create_task(asyncio.to_thread(orphan.wait))
        async with Broker(directory, address, broker_files(authority)) as broker:
            assert broker.address == address
            await reaping


def heeds_sigterm(pid: int | None) -> bool:
    """A broker listens a moment before that, and one that is ended then saves nothing."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


async def test_sessions_under_names_that_clients_chose_are_forgotten_once(authority: Authority, tmp_path: Path) -> None:
    directory = tmp_path / "broker"
    directory.mkdir()
    memory = directory / "mosquitto.db"
    before = "listener 8883\nuse_identity_as_username true\n"
    (directory / "mosquitto.conf").write_text(before)
    memory.write_bytes(b"no memory of mosquitto's: it would not start on it")
    async with Broker(directory, Address("127.0.0.1", 0), broker_files(authority)) as broker:
        await until_listens(broker.address, lambda: heeds_sigterm(broker.pid))
    assert "use_username_as_clientid true" in (directory / "mosquitto.conf").read_text()
    kept = memory.read_bytes()
    assert kept
    broker_module.forget_other_names(directory, directory / "mosquitto.conf")
    assert memory.read_bytes() == kept


def test_a_broker_has_fewer_connections_than_files(authority: Authority, tmp_path: Path) -> None:
    assert [most_connections(files) for files in (100, 1024, 65_536)] == [1, 768, 30_000]
    text = configuration(tmp_path, Address("127.0.0.1", 8883), broker_files(authority), 768)
    assert "max_connections 768\n" in text


async def test_a_missing_mosquitto_is_named_with_its_remedy(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(BrokerError, match="sudo apt-get install mosquitto"):
        async with Broker(tmp_path / "broker", Address("127.0.0.1", 0), broker_files(authority)):
            pass


async def test_a_taken_port_is_named(authority: Authority, tmp_path: Path) -> None:
    with Address("127.0.0.1", 0).bind() as bound:
        bound.listen()
        taken = Address("127.0.0.1", bound.getsockname()[1])
        with pytest.raises(BrokerError, match=f"{taken.port}: Address already in use; choose another with --mqtt"):
            async with Broker(tmp_path / "broker", taken, broker_files(authority)):
                pass


def test_the_access_list_lets_a_station_reach_only_below_its_own_name() -> None:
    stations = [line for line in access_list().splitlines() if line.startswith("pattern")]
    assert len(stations) == 8
    assert all("/%u/" in line and "#" not in line and "+" not in line for line in stations)
