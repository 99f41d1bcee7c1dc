"""The machine's settings from station.toml: nft takes them, and what is not named is closed."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fleet.messages.commands import UpdateOrder
from kiosk.config import Config, ConfigError, load
from kiosk.station.updates import RECORD, UpdateRecord
from provisioning.appliance import usb_gate
from provisioning.appliance.layout import SHIPPED
from provisioning.appliance.settings import named_servers, nftables_sets, resolve_host, write_settings
from provisioning.cli import main as provision

STATION = """
[printer]
kind = "network"
host = "printer.example"
[scanner]
kind = "input"
vendor = 0x0c2e
product = 0x0b61
[keypad]
allowed = ["04d9:a088"]
[cabinet]
kind = "serial"
key = "cabinet.json"
usb = ["2e8a:0005:E66058388335B1", "1209:0001"]
[network]
servers = ["fleet.example:443", "[2001:db8::9]:443"]
proxy = "proxy.example:3128"
time = ["ntp.example"]
[usb]
allowed = ["0403:6001", "0d8c:0014/01,03"]
"""
ADDRESSES = {
    "broker.example": ("192.0.2.7", "2001:db8::7"),
    "fleet.example": ("192.0.2.8",),
    "proxy.example": ("192.0.2.9",),
    "2001:db8::9": ("2001:db8::9",),
    "ntp.example": ("192.0.2.123",),
}
SENDS = """
import socket, sys
for word in sys.argv[1:]:
    kind, _, port = word.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as to:
        try:
            to.settimeout(20)
            to.connect(("127.0.0.1", int(port)))
            to.send(b"x")
            print(word, "sent")
        except ConnectionRefusedError:
            print(word, "reached")
        except OSError:
            print(word, "closed")
"""


def resolve(host: str) -> tuple[str, ...]:
    if host not in ADDRESSES:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")
    return ADDRESSES[host]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "station.toml").write_text(STATION)
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity/identity.json").write_text('{"broker": {"host": "broker.example", "port": 8883}}')
    return tmp_path


def test_what_station_toml_names_is_written_and_a_name_without_address_is_said(base: Path) -> None:
    made = write_settings(
        load(base / "station.toml"), base / "identity/identity.json", base / "data", base / "run", resolve
    )
    assert made.unresolved == ("printer.example",)
    assert (base / "run/servers.nft").read_text().splitlines() == [
        "flush set inet kortkiosk servers4",
        "add element inet kortkiosk servers4 { 192.0.2.7 . 8883, 192.0.2.8 . 443, 192.0.2.9 . 3128 }",
        "flush set inet kortkiosk servers6",
        "add element inet kortkiosk servers6 { 2001:db8::7 . 8883, 2001:db8::9 . 443 }",
        "flush set inet kortkiosk time4",
        "add element inet kortkiosk time4 { 192.0.2.123 }",
        "flush set inet kortkiosk time6",
    ]
    assert (base / "run/usb-allowed").read_text().splitlines() == [
        "0403:6001 02 0a ff", "04d9:a088 03", "0c2e:0b61 03", "0d8c:0014 01 03", "1209:0001 02 0a ff", "2e8a:0005 02 0a ff",
    ]  # fmt: skip
    assert (base / "run/chrony/station.sources").read_text() == "server ntp.example iburst\n"


@pytest.mark.parametrize("speech", ['kind = "espeak-ng"', "tones = true"])
def test_a_station_that_speaks_or_sounds_lets_sound_cards_in(tmp_path: Path, speech: str) -> None:
    (tmp_path / "station.toml").write_text(f"[speech]\n{speech}\n")
    write_settings(load(tmp_path / "station.toml"), tmp_path / "identity.json", tmp_path, tmp_path / "run", resolve)
    assert usb_gate.read_named(tmp_path / "run/usb-allowed") == {usb_gate.SOUND: frozenset()}


def test_a_station_that_names_nothing_gets_nothing(tmp_path: Path) -> None:
    write_settings(Config(), tmp_path / "identity.json", tmp_path, tmp_path / "run", resolve)
    assert "add element" not in (tmp_path / "run/servers.nft").read_text()
    assert (tmp_path / "run/usb-allowed").read_text() == ""


@pytest.mark.parametrize("server", ["fleet.example", "fleet.example:0", "a b:1", "x:99999", "fleet.example:443;drop"])
def test_a_server_that_is_none_is_refused_with_file_and_key(server: str, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(f'[network]\nservers = ["{server}"]\n')
    with pytest.raises(ConfigError, match=r"station\.toml: network"):
        load(tmp_path / "station.toml")


def test_a_time_server_cannot_bring_a_line_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text('[network]\ntime = ["a\\nallow all"]\n')
    with pytest.raises(ConfigError, match=r"network\.time"):
        load(tmp_path / "station.toml")


ORDER = UpdateOrder("2026.48.1", 1024, "00" * 32, 8444)


@pytest.mark.parametrize(("record", "port"), [
    (UpdateRecord(ORDER, "fetching"), {8883, 8444}),
    (UpdateRecord(ORDER, "waiting"), {8883}),
    (UpdateRecord(failed="fetch"), {8883}),
])  # fmt: skip
def test_the_port_of_an_update_is_open_while_it_is_fetched_at_the_fleet_server_alone(
    record: UpdateRecord, port: set[int], tmp_path: Path
) -> None:
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity/identity.json").write_text('{"broker": {"host": "broker.example", "port": 8883}}')
    config = Config()
    (tmp_path / RECORD).write_bytes(msgspec.json.encode(record))
    named = named_servers(config, tmp_path / "identity/identity.json", tmp_path)
    assert named == [("broker.example", number) for number in sorted(port, reverse=True)]


@pytest.mark.parametrize(
    "record", [b"", b"[1]", b'{"step": "fetching"}', b'{"step": "fetching", "order": {"port": "443"}}']
)
def test_a_record_that_cannot_be_read_opens_nothing(record: bytes, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_bytes(record)
    assert named_servers(Config(), tmp_path / "identity.json", tmp_path) == []


def test_the_firewall_is_written_anew_as_soon_as_an_update_is_ordered() -> None:
    unit = (SHIPPED / "usr/lib/systemd/system/kortkiosk-settings.path").read_text()
    assert f"PathChanged=/data/kortkiosk/{Config().station.data}/{RECORD}\n" in unit


def test_the_command_writes_them(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (base / "station.toml").write_text('[network]\nservers = ["127.0.0.1:443"]\n')
    (base / "identity/identity.json").unlink()
    words = ["appliance", "settings", "--config", str(base / "station.toml"), "--output", str(base / "run")]
    assert provision(words) == 0
    assert "127.0.0.1 . 443" in (base / "run/servers.nft").read_text()
    (base / "station.toml").write_text("[network]\nserver = 1\n")
    assert provision(words) == 2
    assert "there is no such key" in capsys.readouterr().err


def test_addresses_are_asked_of_the_system() -> None:
    assert resolve_host("127.0.0.1") == ("127.0.0.1",)


@pytest.mark.skipif(shutil.which("nft") is None or shutil.which("ip") is None, reason="nft or ip is not installed")
@pytest.mark.skipif(os.getuid() != 0, reason="a network of its own needs root")
def test_nothing_goes_out_but_what_is_named(tmp_path: Path) -> None:
    """In a network of its own, where the machine itself stands for everybody outside."""
    rules = (SHIPPED / "etc/nftables.conf").read_text()
    outside = rules.replace("oif lo accept\n", "\n")
    (tmp_path / "base.nft").write_text(outside)
    (tmp_path / "sets.nft").write_text(nftables_sets({("127.0.0.1", 8883)}, ["127.0.0.1"]))
    check = "nft -c -f '{0}/full.nft' && nft -c -f '{0}/base.nft'"
    (tmp_path / "full.nft").write_text(rules)
    first, then = (f"'{sys.executable}' -c '{SENDS}' tcp:8883 tcp:443 udp:123 udp:53 udp:9" for _ in range(2))
    script = f"ip link set lo up && {check} && nft -f '{{0}}/base.nft' && {first} && nft -f '{{0}}/sets.nft' && {then}"
    ended = subprocess.run(
        ["unshare", "--net", "sh", "-c", script.replace("{0}", str(tmp_path))], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said = [line.split() for line in ended.stdout.splitlines()]
    before, after = dict(said[:5]), dict(said[5:])
    open_to_all = {"tcp:443": "closed", "udp:53": "sent", "udp:9": "closed"}
    assert before == {"tcp:8883": "closed", "udp:123": "closed", **open_to_all}
    assert after == {"tcp:8883": "reached", "udp:123": "sent", **open_to_all}
