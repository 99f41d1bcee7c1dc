"""Bundles at the server: taken where they are signed, and fetched by stations of the fleet alone, in pieces too."""

import asyncio
import http.client
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fleet.agent.bundle_fetch import FetchError, fetch_bundle
from fleet.agent.identity import Broker
from fleet.messages.commands import UpdateOrder
from fleet.server.cli import main
from fleet.server.live_feed.hub import Hub
from fleet.server.process.addresses import Address
from fleet.server.updates import serving
from fleet.server.updates.service import BundleFolder
from fleet.server.updates.serving import BundleServer
from provisioning import pki
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.bundle import MadeBundle, small_bundle

pytestmark = pytest.mark.skipif(shutil.which("rauc") is None, reason="Debian's rauc is not installed")
Fetch = Callable[..., "tuple[int, bytes]"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    return small_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def folder(made: MadeBundle, tmp_path: Path) -> BundleFolder:
    kept = BundleFolder(tmp_path / "updates", 8444)
    kept.add(made.path, made.target.keyring, made.now)
    return kept


@pytest.fixture
async def address(made: MadeBundle, folder: BundleFolder, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Address]:
    monkeypatch.setattr(serving, "LISTS_EVERY_S", 0.02)
    authority = made.authority.directory
    bound = Address("127.0.0.1", 0).bind()
    free = Address("127.0.0.1", bound.getsockname()[1])
    bound.close()
    server = BundleServer(
        folder, Hub(), authority / "server/broker.pem", authority / "server/broker.key", authority / "ca/ca.pem",
        (authority / "ca/crl.pem",),
    )  # fmt: skip
    task = asyncio.create_task(server.run(free))
    while True:
        try:
            _, writer = await asyncio.open_connection(free.host, free.port)
            writer.close()
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
    yield free
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _identity(authority: Authority, folder: Path, name: str, made: MadeBundle) -> Path:
    """A certificate and its key in one file, as enrolment gives one."""
    key = pki.new_key()
    issued = authority.enrol_all({name: key.public_key()}, made.now)[name]
    path = folder / f"{name}.pem"
    path.write_bytes(issued.certificate + pki.key_pem(key))
    return path


def _fetch(address: Address, ca: Path, client: Path | None, path: str, span: str = "") -> tuple[int, bytes]:
    tls = ssl.create_default_context(cafile=str(ca))
    if client is not None:
        tls.load_cert_chain(client)
    connection = http.client.HTTPSConnection("localhost", address.port, timeout=30, context=tls)
    try:
        connection.request("GET", path, headers={"Range": span} if span else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


async def test_a_station_fetches_a_bundle_whole_and_from_where_it_was_cut_off(
    made: MadeBundle, address: Address, tmp_path: Path
) -> None:
    station, ca = _identity(made.authority, tmp_path, "entre-a", made), made.target.keyring
    path, content = f"/updates/{made.bundle.sha256}", made.path.read_bytes()
    assert await asyncio.to_thread(_fetch, address, ca, station, path) == (200, content)
    assert await asyncio.to_thread(_fetch, address, ca, station, path, "bytes=300000-") == (206, content[300_000:])
    beyond = await asyncio.to_thread(_fetch, address, ca, station, path, f"bytes={len(content)}-")
    assert beyond[0] == 416
    for other in ("0" * 64, "..%2f..%2fauthority%2fca%2fca.key", made.bundle.sha256[:-1]):
        assert (await asyncio.to_thread(_fetch, address, ca, station, f"/updates/{other}"))[0] == 404


async def test_the_station_s_own_fetch_goes_on_and_writes_no_more_than_was_ordered(
    made: MadeBundle, address: Address, tmp_path: Path
) -> None:
    code = made.authority.claim("entre-d", made.now)
    identity = enrol(made.authority, tmp_path / "identity", Broker("localhost", 8883), code, made.now)
    into, content, seen = tmp_path / "update.raucb", made.path.read_bytes(), list[int]()
    order = UpdateOrder("2026.48.1", made.bundle.size, made.bundle.sha256, address.port)
    into.write_bytes(content[:400_000])
    await asyncio.to_thread(fetch_bundle, order, into, identity, seen.append)
    assert into.read_bytes() == content
    assert (seen[0] > 400_000, seen[-1]) == (True, len(content))
    await asyncio.to_thread(fetch_bundle, order, into, identity, seen.append)
    assert into.read_bytes() == content, "whole: nothing is asked"

    into.write_bytes(content + b"more")
    shorter = UpdateOrder("2026.48.1", 500_000, made.bundle.sha256, address.port)
    await asyncio.to_thread(fetch_bundle, shorter, into, identity, seen.append)
    assert into.read_bytes() == content[:500_000]
    for wrong in (
        UpdateOrder("2026.48.1", 10, "0" * 64, address.port),
        UpdateOrder("2026.48.1", made.bundle.size + 1, made.bundle.sha256, address.port),
    ):
        into.unlink()
        with pytest.raises(FetchError):
            await asyncio.to_thread(fetch_bundle, wrong, into, identity, seen.append)
        into.touch()


async def test_nobody_else_fetches_one(made: MadeBundle, address: Address, tmp_path: Path) -> None:
    foreign = Authority.init(tmp_path / "foreign", [], made.now)
    path = f"/updates/{made.bundle.sha256}"
    for client in (None, _identity(foreign, tmp_path, "entre-a", made)):
        with pytest.raises(OSError):  # noqa: PT011  TLS's words differ
            await asyncio.to_thread(_fetch, address, made.target.keyring, client, path)


async def test_a_revoked_station_fetches_none_once_the_list_is_read(
    made: MadeBundle, address: Address, tmp_path: Path
) -> None:
    station = _identity(made.authority, tmp_path, "gone-c", made)
    path = f"/updates/{made.bundle.sha256}"
    assert (await asyncio.to_thread(_fetch, address, made.target.keyring, station, path))[0] == 200
    made.authority.revoke("gone-c", made.now)
    async with asyncio.timeout(LIMIT_S):
        while await _is_served(address, made, station, path):
            pass


async def _is_served(address: Address, made: MadeBundle, station: Path, path: str) -> bool:
    try:
        return (await asyncio.to_thread(_fetch, address, made.target.keyring, station, path))[0] == 200
    except OSError:  # TLS says why, or the connection has ended before
        return False


def test_what_is_kept_is_named_by_commands(made: MadeBundle, folder: BundleFolder) -> None:
    order = folder.order(made.bundle.sha256, now=True)
    assert order is not None
    assert (order.version, order.size, order.port, order.now, order.older) == (
        "2026.48.1", made.bundle.size, 8444, True, False,
    )  # fmt: skip
    assert folder.order("0" * 64) is None
    assert BundleFolder(folder.folder).order(made.bundle.sha256) is None, "no listener, no order"
    (folder.folder / "torn.json").write_text("{")
    assert [one.version for one in folder.all()] == ["2026.48.1"]


def test_from_the_command_line(made: MadeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data", str(tmp_path))
    add = ("bundle", "add", "--authority", str(made.authority.directory), *data)
    torn = bytearray(made.path.read_bytes())
    torn[100] ^= 1
    (tmp_path / "torn").write_bytes(torn)
    assert main([*add, str(tmp_path / "torn")]) == 3
    assert "not what was signed" in capsys.readouterr().err
    assert main([*add, str(tmp_path / "none")]) == 2
    assert not (tmp_path / "updates").exists()
    assert main([*add, str(made.path)]) == 0
    assert made.bundle.sha256 in capsys.readouterr().out
    assert main(["bundle", "list", "--json", *data]) == 0
    assert json.loads(capsys.readouterr().out)["bundles"][0]["sha256"] == made.bundle.sha256
    assert main(["bundle", "remove", made.bundle.sha256, *data]) == 0
    assert main(["bundle", "remove", made.bundle.sha256, *data]) == 2
