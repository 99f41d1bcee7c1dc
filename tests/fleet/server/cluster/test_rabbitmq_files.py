"""What `broker-files` writes: who may do what at RabbitMQ, and where brokers are."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.server import cli as commands
from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.mosquitto import access_list
from fleet.server.cluster import layout
from fleet.server.cluster.rabbitmq import definitions
from fleet.server.process.addresses import AddressError
from provisioning.authority import Authority
from provisioning.registry import CertificateRecord, Registry
from tests.fleet.server.conftest import enrolled, wall_clock

PERMISSIONS = {
    ("entre-a", "write", "kortkiosk.v1.entre-a.events"): True,
    ("entre-a", "write", "kortkiosk.v1.entre-a.commands.result"): True,
    ("entre-a", "read", "kortkiosk.v1.entre-a.acked"): True,
    ("entre-a", "read", "kortkiosk.v1.entre-a.commands"): True,
    ("entre-a", "write", "kortkiosk.v1.entre-a.acked"): False,
    ("entre-a", "write", "kortkiosk.v1.entre-a.commands"): False,
    ("entre-a", "read", "kortkiosk.v1.entre-a.events"): False,
    ("entre-a", "write", "kortkiosk.v1.entre-ab.events"): False,
    ("entre-a", "write", "kortkiosk.v1.xentre-a.events"): False,
    ("entre-a", "write", "kortkiosk.v1.entre-b.events"): False,
    ("entre-a", "read", "kortkiosk.v1.entre-b.acked"): False,
    ("entre-a", "read", "kortkiosk.v1.*.acked"): False,
    ("entre-a", "read", "kortkiosk.v1.#"): False,
    ("entre-a", "read", "#"): False,
    ("gone", "write", "kortkiosk.v1.gone.events"): False,
    ("gone", "read", "kortkiosk.v1.gone.acked"): False,
    ("fleet-server", "write", "kortkiosk.v1.entre-a.acked"): True,
    ("fleet-server", "read", "kortkiosk.v1.*.events"): True,
}


def entry(kind: str, user: str) -> dict[str, Any]:
    told = json.loads(definitions(["entre-a"], ["gone"]))
    (found,) = [one for one in told[kind] if one["user"] == user]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(("user", "way", "key"), PERMISSIONS)
def test_a_station_has_its_own_topics_and_no_other(user: str, way: str, key: str) -> None:
    assert bool(re.search(entry("topic_permissions", user)[way], key)) is PERMISSIONS[user, way, key]


@pytest.mark.parametrize(
    ("user", "way", "resource", "may"),
    [
        ("entre-a", "configure", "mqtt-subscription-entre-aqos1", True),
        ("entre-a", "read", "mqtt-subscription-entre-bqos1", False),
        ("entre-a", "configure", layout.SHARD_QUEUES[0], False),
        ("entre-a", "read", layout.ASKS, False),
        ("entre-a", "write", layout.STATIONS, False),
        ("entre-a", "write", "amq.default", False),
        ("gone", "write", "amq.topic", False),
        ("fleet-server", "configure", layout.ASKS, True),
        ("fleet-server", "configure", "mqtt-subscription-entre-aqos1", False),
    ],
)
def test_a_station_has_its_own_queue_and_no_other(user: str, way: str, resource: str, may: bool) -> None:
    assert bool(re.search(entry("permissions", user)[way], resource)) is may


def test_queues_of_the_fleet_have_a_limit_that_drops_nothing_and_sessions_have_none() -> None:
    (policy,) = json.loads(definitions([]))["policies"]
    limited = [*layout.SHARD_QUEUES, layout.ASKS]
    assert [bool(re.search(policy["pattern"], name)) for name in limited] == [True] * len(limited)
    assert not re.search(policy["pattern"], "mqtt-subscription-entre-aqos1")
    assert policy["definition"] == {"max-length": layout.MOST_IN_QUEUE, "overflow": "reject-publish"}


def test_nobody_has_a_password() -> None:
    told = json.loads(definitions(["entre-a"], ["gone"]))
    assert {(one["name"], one["password_hash"]) for one in told["users"]} == {
        ("fleet-server", ""),
        ("entre-a", ""),
        ("gone", ""),
    }


def test_files_of_rabbitmq_name_who_is_enrolled_and_who_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    for name in ("kept", "gone"):
        enrolled(authority, tmp_path / name, name, 1)
    authority.revoke("gone", wall_clock())
    words = ["broker-files", "rabbitmq", "--authority", str(authority.directory), "--into", str(tmp_path / "into")]
    assert (
        commands.main([*words, "--mqtt", "127.0.0.1:1883", "--node", "rabbit@a", "--node", "rabbit@b", "--json"]) == 0
    )
    assert [Path(one).name for one in json.loads(capsys.readouterr().out)["written"]] == [
        "rabbitmq.conf",
        "advanced.config",
        "enabled_plugins",
        "definitions.json",
        name_by_openssl(authority),
    ]
    assert (tmp_path / "into" / "definitions.json").read_text() == definitions(["kept"], ["gone"])
    settings = (tmp_path / "into" / "rabbitmq.conf").read_text().splitlines()
    assert "mqtt.listeners.ssl.1 = 127.0.0.1:1883" in settings
    assert "cluster_formation.classic_config.nodes.2 = rabbit@b" in settings
    assert "{fail_if_no_peer_cert, true}" in (tmp_path / "into" / "advanced.config").read_text()
    assert not [line for line in settings if line.startswith("listeners.tcp.")], "nothing listens without TLS"


def name_by_openssl(authority: Authority) -> str:
    """OpenSSL's own word on what a list of revoked certificates is called."""
    command = ["openssl", "crl", "-hash", "-noout", "-in", str(authority.directory / "ca" / "crl.pem")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() + ".r0"


def test_files_of_mosquitto_are_those_of_the_embedded_one(tmp_path: Path) -> None:
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    words = ["broker-files", "mosquitto", "--authority", str(authority.directory), "--into", str(tmp_path / "into")]
    assert commands.main([*words, "--mqtt", "127.0.0.1:1883"]) == 0
    assert (tmp_path / "into" / "acl").read_text() == access_list()
    assert "listener 1883 127.0.0.1" in (tmp_path / "into" / "mosquitto.conf").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "http://a:1",
        "amqps://a",
        "mqtts://a:1,b:2",
        "a",
        "",
        "mqtts://a:1?share=a/b",
        "mqtts://a:1?all",
        "amqps://a:1?share=a",
    ],
)
def test_a_broker_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        BrokerUrl.parse(text)


@pytest.mark.parametrize("text", ["amqps://a:1,b:2", "mqtts://a:1?share=fleet", "mqtts://[::1]:1"])
def test_a_broker_is_written_as_it_was_read(text: str) -> None:
    assert str(BrokerUrl.parse(text)) == text


def test_a_worker_takes_from_what_is_divided_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.main(["worker", "--broker", "mqtts://a:1", "--database", "postgresql://u@h/d", "--authority", "x"])
    assert ended.value.code == 2
    assert "amqps://" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [2, 4])
def test_queues_spread_over_the_workers_that_bid(workers: int) -> None:
    names = [f"worker-{number}" for number in range(workers)]
    taken = [max(names, key=lambda name: layout.priority(name, queue)) for queue in layout.SHARD_QUEUES]
    assert set(taken) == set(names), "each has some"


@pytest.mark.parametrize("option", [["--web-only"], ["--broker", "amqps://127.0.0.1:1"]])
def test_several_processes_need_one_store(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "authority").mkdir()
    words = [
        "serve",
        "--init",
        "--unseparated",
        "--data",
        str(tmp_path / "data"),
        "--authority",
        str(tmp_path / "authority"),
    ]
    assert commands.main([*words, *option]) == 2
    assert "--database" in capsys.readouterr().err


def test_stations_that_enrolled_over_the_network_are_let_in_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority.init(tmp_path / "authority", [], wall_clock())
    enrolled(authority, tmp_path / "by-folder", "by-folder", 8883)
    now, day = wall_clock(), timedelta(days=90)
    revocations = tmp_path / "revocations"
    revocations.mkdir()
    others = [
        CertificateRecord("by-network", 1, 7, now, now + day),
        CertificateRecord("lost", 1, 8, now, now + day, now),
    ]
    Registry(revocations).keep_issued([*authority.registry.issued(), *others])
    command = ["broker-files", "rabbitmq", "--authority", str(authority.directory), "--into", str(tmp_path / "files")]
    assert commands.main([*command, "--revocations", str(revocations)]) == 0
    told = json.loads((tmp_path / "files/definitions.json").read_text())
    may = {one["user"]: one["write"] for one in told["permissions"]}
    assert may["by-network"] == may["by-folder"].replace("by-folder", "by-network")
    assert may["lost"] != may["by-network"].replace("by-network", "lost")
    capsys.readouterr()
    assert commands.main([*command, "--revocations", str(tmp_path)]) == 2
    assert "name DATA/revocations" in capsys.readouterr().err
