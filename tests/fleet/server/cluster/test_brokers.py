"""The link's contract on two brokers, mosquitto and a RabbitMQ node: who reaches what, and when a message is over.

One node, one PostgreSQL and one mosquitto for all tests of this file; each test has stations of its own.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from campaigns.faults.cluster_stand import Program
from fleet.messages.link import Acked, Answer, SyncAsk, encode
from fleet.messages.topics import Topics
from fleet.server.broker.broker_url import BrokerUrl
from fleet.server.broker.mqtt5_client import Credentials
from fleet.server.cluster import amqp_transport, layout
from fleet.server.cluster.connections import asks_line, intake_line
from fleet.server.database.database import open_database
from fleet.server.database.database_url import postgres_place
from fleet.server.events.tables import chains, events
from fleet.server.process.addresses import Address
from fleet.server.process.config import ServerConfig
from fleet.server.server import FleetServer
from fleet.server.stations.tables import stations
from provisioning import pki
from provisioning.authority import Authority
from provisioning.issuing import Issuing, issue_issuing
from provisioning.processes import issue_process
from tests.fakes.brokers.links import LIMIT_S, Link, Server, signed_acked, signed_answer, station
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.brokers.rabbitmq import RabbitCluster, rabbit_cluster
from tests.fakes.fleet.station_peer import FleetStation
from tests.fakes.server.postgres import Cluster, cluster
from tests.fleet.server.conftest import SealingStation, enrolled, wall_clock

MADE_UP = Answer(ok=False, error="made_up")

pytestmark = pytest.mark.broker

BOTH = ("mosquitto", "rabbitmq")
SHARING = ("one", "other", "answering")
"""Processes of the server at a broker that divides."""
NAMES = [
    f"{test}-{letter}"
    for test in (
        "acked",
        "again",
        "ask",
        "told",
        "will",
        "reach",
        "killed",
        "once",
        "revoked",
        "full",
        "named",
        "issued",
    )
    for letter in "ab"
]


@pytest.fixture(scope="module")
def rabbitmq(authority: Authority) -> Iterator[RabbitCluster]:
    with rabbit_cluster(authority.directory, NAMES) as made:
        yield made


@pytest.fixture(scope="module")
def mosquitto(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    names = [f"fleet-server-{name}" for name in SHARING]
    for name in names:
        issue_process(authority, name, wall_clock())
    made = Broker(tmp_path_factory.mktemp("mosquitto"), authority, names)
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Cluster]:
    """Of this file alone, so that it may run beside those that share one."""
    with cluster() as made:
        yield made


@pytest.fixture(params=BOTH)
def link(request: pytest.FixtureRequest, credentials: Credentials) -> Link:
    made: Any = request.getfixturevalue(request.param)
    if request.param == "mosquitto":
        return Link(made.port, credentials, None)
    return Link(made.nodes[0].mqtt.port, credentials, made)


async def test_the_word_acked_reaches_its_station_and_no_other(
    link: Link, authority: Authority, tmp_path: Path
) -> None:
    chain = SealingStation("acked-a")
    async with link.server() as server:
        with (
            station(authority, tmp_path, "acked-a", link.port) as mine,
            station(authority, tmp_path, "acked-b", link.port) as other,
        ):
            mine.send(*chain.seals(3))
            came = await server.got("acked-a/events", 3)
            assert [one.key for one in came] == [(1, 1), (1, 2), (1, 3)]
            assert [one.payload for one in came] == [event.wire for event in chain.sealed]
            assert [one.waited for one in came] == [False] * 3
            assert mine.acked == [], "a broker's PUBACK is no commit"
            server.lines[0].publish(Topics("acked-a").acked, signed_acked(authority, "acked-a", Acked(1, 3)))
            await asyncio.to_thread(mine.settle)
            assert mine.acked == [Acked(1, 3)]
            assert other.acked == []


async def test_what_is_not_acknowledged_comes_again_and_what_is_does_not(
    link: Link, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_transport, "WAITED_S", -1.0)  # as where it has waited for long
    chain = SealingStation("again-a")
    with station(authority, tmp_path, "again-a", link.port) as mine:
        async with link.server() as server:
            mine.send(*chain.seals(4))
            came = await server.got("again-a/events", 4)
            server.acknowledge(*came[:2], *[one for one in server.came if one not in came])
        async with link.server() as server:
            again = await server.got("again-a/events", 2)
            assert [one.key for one in again] == [(1, 3), (1, 4)]
            server.acknowledge(*server.came)
        mine.send(chain.seal())
        async with link.server() as server:
            assert [(one.key, one.waited) for one in await server.got("again-a/events")] == [((1, 5), True)]
            server.acknowledge(*server.came)


async def test_an_answer_goes_back_to_who_asked(link: Link, authority: Authority, tmp_path: Path) -> None:
    with station(authority, tmp_path, "ask-a", link.port) as mine:
        async with link.server() as server:
            asking = asyncio.create_task(asyncio.to_thread(mine.ask, SyncAsk()))
            (asked,) = await server.got("ask-a/ask")
            assert asked.correlation is not None
            assert len(asked.correlation) == 16
            server.lines[-1].publish(
                Topics("ask-a").answer, signed_answer(authority, "ask-a", asked, MADE_UP), asked.correlation
            )
            assert (await asking).error == "made_up"
            server.lines[-1].acknowledge(asked)


async def test_a_command_reaches_its_station_and_what_became_of_it_the_server(
    link: Link, authority: Authority, tmp_path: Path
) -> None:
    async with link.server() as server:
        with (
            station(authority, tmp_path, "told-a", link.port) as mine,
            station(authority, tmp_path, "told-b", link.port) as other,
        ):
            await server.got("told-a/presence")
            server.lines[0].publish(Topics("told-a").commands, b"made up", expiry_s=60)
            assert await asyncio.to_thread(mine.commands.get, timeout=LIMIT_S) == b"made up"
            mine.publish_raw(mine.topics.results, b"done")
            (came,) = await server.got("told-a/commands/result")
            assert (came.topic, came.payload) == (mine.topics.results, b"done")
            assert other.commands.empty()


async def test_a_station_that_vanishes_is_said_to_be_offline(link: Link, authority: Authority, tmp_path: Path) -> None:
    async with link.server() as server:
        with station(authority, tmp_path, "will-a", link.port):
            (here,) = await server.got("will-a/presence")
        here, gone = await server.got("will-a/presence", 2)
    assert (b'"online":true' in here.payload, b'"online":false' in gone.payload) == (True, True)


async def test_a_station_reaches_no_topic_of_another(link: Link, authority: Authority, tmp_path: Path) -> None:
    chain, strange = SealingStation("reach-b"), SealingStation("reach-b")
    async with link.server() as server:
        with (
            station(authority, tmp_path, "reach-a", link.port) as curious,
            station(authority, tmp_path, "reach-b", link.port) as other,
        ):
            for topic in (Topics("reach-b").acked, "kortkiosk/v1/+/acked", "kortkiosk/v1/#"):
                curious.listen_to(topic)
            curious.publish_raw(Topics("reach-b").events, strange.seal("se.kortkiosk.strange").wire, (1, 1))
            curious.publish_raw(Topics("reach-b").acked, encode(Acked(1, 99)))
            other.send(chain.seal())
            (came,) = await server.got("reach-b/events")
            assert came.payload == chain.sealed[0].wire
            server.lines[0].publish(Topics("reach-b").acked, signed_acked(authority, "reach-b", Acked(1, 1)))
            await asyncio.to_thread(other.settle)
            assert other.acked == [Acked(1, 1)]
            assert curious.heard == []
            assert len([one for one in server.came if one.topic == Topics("reach-b").events]) == 1


async def test_a_client_id_is_the_name_in_the_certificate(link: Link, authority: Authority, tmp_path: Path) -> None:
    with station(authority, tmp_path, "named-a", link.port) as mine:
        enrolled(authority, tmp_path / "rogue", "named-b", link.port)
        rogue = FleetStation("named-b", tmp_path / "rogue", link.port, client_id="named-a")
        with contextlib.suppress(AssertionError):  # refused; or taken in under its own name
            await asyncio.to_thread(rogue.start, timeout_s=1.0)
        async with link.server() as server:
            asking = asyncio.create_task(asyncio.to_thread(mine.ask, SyncAsk()))
            (asked,) = await server.got("named-a/ask")
            payload = signed_answer(authority, "named-a", asked, MADE_UP)
            server.lines[-1].publish(Topics("named-a").answer, payload, asked.correlation)
            assert (await asking).error == "made_up"
        assert mine.connections == 1, "it was never pushed out"
        rogue.stop()


async def test_a_broker_that_divides_gives_each_message_to_one_of_a_group(
    mosquitto: Broker, authority: Authority, tmp_path: Path
) -> None:
    chain = SealingStation("shared-a")
    names = [f"fleet-server-{name}" for name in SHARING]
    one, other, third = (Credentials.of(authority.directory, name) for name in names)
    url = BrokerUrl.parse(f"mqtts://127.0.0.1:{mosquitto.port}?share=fleet")
    workers = Server([intake_line(url, each, "worker") for each in (one, other)])
    answering = Server([asks_line(url, third)])
    async with AsyncExitStack() as stack:
        for line, take in [*((line, workers.take) for line in workers.lines), (answering.lines[0], answering.take)]:
            stack.push_async_callback(line.stop)
            await line.start(take)
        with station(authority, tmp_path, "shared-a", mosquitto.port) as mine:
            mine.send(*chain.seals(40))
            asking = asyncio.create_task(asyncio.to_thread(mine.ask, SyncAsk()))
            (asked,) = await answering.got("shared-a/ask")
            answering.lines[0].publish(
                Topics("shared-a").answer, signed_answer(authority, "shared-a", asked, MADE_UP), asked.correlation
            )
            assert (await asking).error == "made_up"
            came = await workers.got("shared-a/events", 40)
    assert sorted(one.key or (0, 0) for one in came) == [(1, number) for number in range(1, 41)]
    assert len({one.token[0] for one in came if isinstance(one.token, tuple)}) == 2, "each worker had some"


def test_a_revoked_certificate_opens_no_more_though_its_station_has_a_new_one(
    rabbitmq: RabbitCluster, authority: Authority, tmp_path: Path
) -> None:
    port = rabbitmq.nodes[0].mqtt.port
    with station(authority, tmp_path / "old", "revoked-a", port):
        pass
    authority.revoke("revoked-a", wall_clock())
    rabbitmq.heed_revocations()
    with station(authority, tmp_path / "new", "revoked-a", port) as renewed:
        assert renewed.acked == []
    again = FleetStation("revoked-a", tmp_path / "old" / "revoked-a", port)
    with pytest.raises((OSError, AssertionError), match=r"(?i)did not reach|revoked|reset|eof"):
        again.start(timeout_s=1.0)
    again.stop()


def test_a_certificate_of_an_issuing_key_is_taken_with_its_chain(
    rabbitmq: RabbitCluster, authority: Authority, tmp_path: Path
) -> None:
    """The node trusts the authority alone."""
    copy, port = Authority(shutil.copytree(authority.directory, tmp_path / "authority")), rabbitmq.nodes[0].mqtt.port
    issue_issuing(copy, wall_clock())
    issuing = Issuing.load(copy.directory)
    assert issuing is not None
    identity = enrolled(authority, tmp_path / "issued-a", "issued-a", port)
    chain = issuing.chain(issuing.issue("issued-a", identity.next_key().public_key(), wall_clock()))
    identity.put_renewed(b"".join(map(pki.certificate_pem, chain)))
    made = FleetStation("issued-a", tmp_path / "issued-a", port)
    made.start()
    made.stop()


def test_a_killed_worker_loses_and_doubles_nothing(
    rabbitmq: RabbitCluster, own_postgres: Cluster, authority: Authority, tmp_path: Path
) -> None:
    address = own_postgres.address(own_postgres.place().database or "")
    words = ["worker", "--broker", rabbitmq.url, "--database", address, "--authority", str(authority.directory)]
    workers = [Program(words), Program(words)]
    chains_sent = [SealingStation("killed-a"), SealingStation("killed-b")]
    port = rabbitmq.nodes[0].mqtt.port
    try:
        for worker in workers:
            worker.start()
        with (
            station(authority, tmp_path, "killed-a", port) as one,
            station(authority, tmp_path, "killed-b", port) as other,
        ):
            for one_goes in (True, False):
                for each, chain in zip((one, other), chains_sent, strict=True):
                    each.send(*chain.seals(100))
                if one_goes:
                    workers[0].end(signal.SIGKILL)
            for each in (one, other):
                each.settle()
                assert each.acked[-1] == Acked(1, 200)
        assert workers[1].end() == 0
    finally:
        for worker in workers:
            worker.end(signal.SIGKILL)
    with open_database(postgres_place(address)) as store, store.reading.begin() as connection:
        ids = {row.name: row.id for row in connection.execute(select(stations.c.name, stations.c.id))}
        mine = [ids[chain.name] for chain in chains_sent]
        query = (
            select(events.c.envelope).where(events.c.station.in_(mine)).order_by(events.c.station, events.c.sequence)
        )
        held = connection.execute(query).scalars().all()
        kept = connection.execute(select(chains.c.gaps, chains.c.intact).where(chains.c.station.in_(mine))).all()
    assert kept == [("[]", True)] * 2
    sent = sorted(chains_sent, key=lambda chain: ids[chain.name])
    assert held == [event.envelope for chain in sent for event in chain.sealed]


async def test_a_full_queue_refuses_events_and_drops_none(
    rabbitmq: RabbitCluster, own_postgres: Cluster, credentials: Credentials, authority: Authority, tmp_path: Path
) -> None:
    address = own_postgres.address(own_postgres.place().database or "")
    words = ["worker", "--broker", rabbitmq.url, "--database", address, "--authority", str(authority.directory)]
    worker, (node,), chain = Program(words), rabbitmq.nodes, SealingStation("full-a")
    async with Link(node.mqtt.port, credentials, rabbitmq).server():
        pass  # the queues are there now
    tight = '{"max-length":20,"overflow":"reject-publish"}'
    node.control("set_policy", "tight", layout.LIMITED, tight, "--priority", "9", "--apply-to", "quorum_queues")
    try:
        with station(authority, tmp_path, "full-a", node.mqtt.port) as mine:
            mine.send(*chain.seals(100))
            mine.answered(101)
            mine.send(*chain.seals(100))
            assert not any(mine.answered(201)[-100:])
            worker.start()
            mine.settle()
            assert mine.acked[-1] == Acked(1, 200)
    finally:
        worker.end(signal.SIGKILL)
        node.control("clear_policy", "tight")


async def test_each_question_is_answered_once_by_one_of_two_servers(
    rabbitmq: RabbitCluster, own_postgres: Cluster, authority: Authority, tmp_path: Path
) -> None:
    place = own_postgres.place()
    broker = BrokerUrl.parse(rabbitmq.url)
    configs = [
        ServerConfig(
            tmp_path / f"web-{number}",
            authority.directory,
            http=Address("127.0.0.1", 0),
            postgres=place,
            cluster=broker,
        )
        for number in range(2)
    ]
    async with FleetServer(configs[0]) as one, FleetServer(configs[1]) as other:
        assert one.broker == other.broker == {"broker": rabbitmq.url}
        with station(authority, tmp_path, "once-a", rabbitmq.nodes[0].mqtt.port) as mine:
            for _ in range(6):
                answer = await asyncio.to_thread(mine.ask, SyncAsk())
                assert answer.ok
            assert mine.heard == [Topics("once-a").answer] * 6, "one answer for each"
