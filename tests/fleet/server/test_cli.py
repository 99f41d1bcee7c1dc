"""The program's usage: what is wrong is said, and the exit code says whose fault it is."""

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from fleet.server import worker_cli as cluster_commands
from fleet.server.cli import main
from fleet.server.database.database import migrations
from fleet.server.process.addresses import Address, AddressError
from fleet.server.process.run import SWITCH_S
from fleet.server.web.listener import bound_for_pages
from provisioning.authority import Authority


def test_init_makes_the_database_and_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newest = ScriptDirectory.from_config(migrations()).get_current_head()
    for _ in range(2):
        assert main(["init", "--data", str(tmp_path / "new"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"ok": True, "revision": newest}


def test_a_store_that_is_damaged_inside_is_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--data", str(tmp_path)]) == 0
    with (tmp_path / "fleet.sqlite").open("r+b") as file:
        file.seek(2 * 4096)
        file.write(b"\xff" * 4096 * 40)
    capsys.readouterr()
    assert main(["rebuild", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path}/fleet.sqlite: database disk image is malformed (restore a copy" in said


def test_a_file_of_settings_that_is_not_there_is_named(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(tmp_path), "--authority", str(authority.directory), "--no-broker"]
    assert main(["serve", "--init", "--unseparated", *where, "--alerts", str(tmp_path / "none.toml")]) == 2
    assert capsys.readouterr().err == f"kortkiosk-fleet: {tmp_path}/none.toml: No such file or directory\n"


def test_a_port_of_the_pages_that_is_taken_is_named_with_its_option() -> None:
    with Address("127.0.0.1", 0).bind() as taken:
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressError, match=f"{address}: Address already in use; choose another with --http"):
            bound_for_pages(Address.parse(address))


def test_a_damaged_database_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fleet.sqlite").write_bytes(b"no database at all, but long enough for one" * 50)
    assert main(["migrate", "--data", str(tmp_path)]) == 1
    assert "fleet.sqlite: file is not a database" in capsys.readouterr().err


def test_a_worker_hands_over_between_its_threads_as_the_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(_name: str, _program: object, say_ready: Callable[[], None]) -> int:
        say_ready()
        return 0

    before = sys.getswitchinterval()
    monkeypatch.setattr(cluster_commands, "until_told", told)
    words = [
        "--broker",
        "amqps://localhost:5671",
        "--database",
        "postgresql://fleet@localhost/fleet",
        "--authority",
        ".",
    ]
    try:
        assert main(["worker", "--unseparated", *words]) == 0
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["serve"],
        ["serve", "--data", "d", "--authority", "a", "--mqtt", "8883"],
        ["serve", "--data", "d", "--authority", "a", "--mqtt", "host:99999"],
        ["serve", "--data", "d", "--authority", "a", "--no-broker", "--broker", "h:1"],
        ["import-orders", "--data", "d"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:1", "127.0.0.1", 1), ("[::1]:0", "::1", 0), ("broker.example:8883", "broker.example", 8883)],
)
def test_addresses_are_read(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
    assert str(Address(host, port)) == text


@pytest.mark.parametrize("text", ["", ":", ":80", "host", "host:", "host:x", "host:-1", "host:٣"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="write HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("192.0.2.1", False), ("x", False)],  # noqa: S104
)
def test_only_loopback_is_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 80).is_loopback is loopback
