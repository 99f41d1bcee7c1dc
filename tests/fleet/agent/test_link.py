"""The link against a real broker: what the station committed is what the server holds, whatever breaks on the way."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.agent import outbox
from fleet.agent.drain import FlowLimits
from fleet.agent.identity import Broker as BrokerAddress
from fleet.agent.identity import Identity
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages import events
from fleet.messages.events import Event
from fleet.messages.link import Acked, Answer, OrderAsk, StationState
from fleet.messages.topics import Topics
from provisioning.authority import Authority
from provisioning.enrol import enrol
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.brokers.rogue_client import Rogue
from tests.fakes.fleet.server_peer import FleetPeer
from tests.fakes.machine.http_proxy import http_proxy
from tests.fleet.agent.conftest import Enrol, becomes

pytestmark = pytest.mark.broker

PROMPT = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.5))
CALM = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=3600))
"""Sends nothing again by itself, however long the server's word takes."""
STATE = StationState(title="Entré A", version="0.1.0", bootid="boot-1", time="2026-01-01T08:00:00Z")


@pytest.fixture
def identity(enrolled: Enrol, broker: Broker) -> Identity:
    return enrolled("entre-a", broker.port)


@asynccontextmanager
async def linked(identity: Identity, store: StationStore, timing: Timing = PROMPT) -> AsyncIterator[Link]:
    async with Link(identity, store, "boot-1", timing) as link:
        await becomes(link, online=True)
        yield link


async def seen(peer: FleetPeer, predicate: Callable[[FleetPeer], bool], timeout_s: float = LIMIT_S) -> None:
    await asyncio.to_thread(peer.wait_until, predicate, timeout_s)


async def emptied(store: StationStore, timeout_s: float = LIMIT_S) -> None:
    """Wait until the server's word has come for everything."""
    async with asyncio.timeout(timeout_s):
        while await store.transact(lambda cx: outbox.depth(cx, "entre-a")):  # noqa: ASYNC110  # a file: no event
            await asyncio.sleep(0.01)


async def logged(caplog: pytest.LogCaptureFixture, words: str, timeout_s: float = LIMIT_S) -> None:
    """Wait until the log says so."""
    async with asyncio.timeout(timeout_s):
        while words not in caplog.text:  # noqa: ASYNC110  # a text: no event
            await asyncio.sleep(0.01)


async def commit(store: StationStore, count: int, epoch: int = 1) -> list[Event]:
    chain = EventChain("entre-a", epoch, "boot-1")

    def work(cx: outbox.Transaction) -> list[Event]:
        return [
            outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {"n": n}) for n in range(count)
        ]

    return await store.transact(work)


def wires(committed: list[Event]) -> dict[tuple[int, int], bytes]:
    return {(event.epoch, event.sequence): event.wire for event in committed}


async def test_events_arrive_once_in_order_with_their_key_and_leave_the_outbox(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    before = await commit(store, 150)
    async with linked(identity, store, CALM) as link:
        after = await commit(store, 1)
        link.notify()
        await emptied(store)
    assert peer.held == wires(before + after)
    assert peer.order == sorted(peer.held)
    assert peer.received == peer.order
    assert peer.properties == [("epoch", "1"), ("sequence", "151")]


async def test_events_of_the_epoch_before_still_go_out_first(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    new = await commit(store, 3, epoch=2)
    old = await commit(store, 3, epoch=1)
    async with linked(identity, store):
        await emptied(store)
    assert peer.order == [*wires(old), *wires(new)]


async def test_a_broker_killed_in_the_middle_loses_nothing(
    identity: Identity, store: StationStore, peer: FleetPeer, broker: Broker
) -> None:
    committed = await commit(store, 200)
    async with linked(identity, store) as link:
        await seen(peer, lambda at: len(at.held) >= 30)
        broker.kill()
        await becomes(link, online=False)
        peer.stop()
        committed += await commit(store, 50)
        link.notify()
        broker.start()
        peer.start()
        await emptied(store)
    assert peer.held == wires(committed)


async def test_events_that_a_broker_took_for_an_absent_server_and_lost_are_sent_again(
    identity: Identity, store: StationStore, peer: FleetPeer, broker: Broker
) -> None:
    peer.stop()
    committed = await commit(store, 10)
    async with linked(identity, store) as link:
        with pytest.raises(AskTimeout):
            # The broker keeps order: where it has taken the question it has taken the events before.
            await link.ask(OrderAsk("TEST000000-0001"), timeout_s=0.5)
        broker.kill()
        await becomes(link, online=False)
        broker.start()
        peer.start()
        await emptied(store)
    assert peer.held == wires(committed)


async def test_a_lost_word_of_the_server_costs_a_double_and_nothing_else(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    peer.mute = True
    committed = await commit(store, 5)
    async with linked(identity, store):
        await seen(peer, lambda at: len(at.received) >= 5)
        assert await store.transact(lambda cx: outbox.depth(cx, "entre-a")) == 5
        peer.mute = False
        await emptied(store)
    assert len(peer.received) > 5
    assert peer.held == wires(committed)


async def test_a_server_that_stays_silent_gets_the_oldest_again_and_not_all(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    peer.mute = True
    await commit(store, 9)
    async with linked(identity, store, Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.2))):
        await seen(peer, lambda at: len(at.received) >= 11)
    assert set(peer.received[9:]) == {(1, 1)}


async def test_what_the_server_lost_before_its_commit_is_sent_again_when_wanted(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    peer.lose = {(1, 2), (1, 3), (1, 7)}
    committed = await commit(store, 12)
    async with linked(identity, store, CALM):
        await emptied(store)
    assert peer.held == wires(committed)


async def test_a_server_restored_from_a_backup_gets_what_it_had_acknowledged_before(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    committed = await commit(store, 30)
    async with linked(identity, store) as link:
        await emptied(store)
        peer.held = {place: wire for place, wire in peer.held.items() if place[1] <= 4}
        committed += await commit(store, 1)
        link.notify()
        await seen(peer, lambda at: len(at.held) == 31)
        await emptied(store)
    assert peer.held == wires(committed)


async def test_a_server_that_turns_out_to_be_ahead_is_asked_again_and_the_chain_begins_anew(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    """Another copy of the file was at work meanwhile: what is written here goes out under numbers of its own."""
    first = await commit(store, 2, identity.epoch)
    copy = [events.reseal(first[1], identity.epoch, number, first[1].hash) for number in (3, 4)]
    async with linked(identity, store) as link:
        await emptied(store)
        peer.held |= wires(copy)
        peer.tell("entre-a", Acked(identity.epoch, 4))
        await seen(peer, lambda at: (identity.epoch + 1, 1) in at.held)
        later = await commit(store, 1, identity.epoch)
        link.notify()
        await emptied(store)
    assert [(event.epoch, event.sequence) for event in later] == [(identity.epoch + 1, 2)]
    assert peer.held.items() >= wires([*first, *copy, *later]).items()


async def test_it_goes_through_a_proxy_and_says_what_that_refuses(
    identity: Identity, store: StationStore, broker: Broker, peer: FleetPeer
) -> None:
    with http_proxy(refused={broker.port}) as proxy:
        async with Link(identity, store, "boot-1", PROMPT, proxy=proxy.address) as link:
            async with asyncio.timeout(LIMIT_S):
                while not proxy.asked:  # noqa: ASYNC110  # another thread's list
                    await asyncio.sleep(0.02)
                while "403 Forbidden" not in await why_down(link):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            proxy.refused = ()
            await becomes(link, online=True)
        assert set(proxy.asked) == {f"127.0.0.1:{broker.port}"}


async def why_down(link: Link) -> str:
    with pytest.raises(LinkDown) as caught:
        await link.ask(OrderAsk("SE1"))
    return str(caught.value)


async def test_a_hard_cut_shows_the_station_offline_and_it_comes_back(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    async with linked(identity, store) as link:
        await seen(peer, lambda at: at.presence[-1:] == [True])
        link.set_allowed(False)
        await seen(peer, lambda at: at.presence[-1:] == [False])
        await becomes(link, online=False)
        committed = await commit(store, 3)
        link.notify()
        with pytest.raises(LinkDown):
            await link.ask(OrderAsk("TEST000000-0001"))
        link.set_allowed(True)
        await seen(peer, lambda at: at.presence[-1:] == [True])
        await emptied(store)
        assert peer.held == wires(committed)
    await seen(peer, lambda at: at.presence[-1:] == [False])


async def test_a_session_that_a_copy_of_the_key_takes_over_is_told_when_the_station_comes_back(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    twin = Rogue(identity.key_file.parent, identity.broker.port)
    async with linked(identity, store) as link:
        for _ in range(3):
            async with twin.connected("whoever"):
                await becomes(link, online=False)
            link.set_allowed(True)  # at once, not after the delay that spreads a fleet
            await becomes(link, online=True)
        await seen(peer, lambda at: at.taken_over[-1:] == [3])
        link.set_allowed(False)
        await seen(peer, lambda at: at.presence[-1:] == [False])
        link.set_allowed(True)
        await seen(peer, lambda at: at.presence[-1:] == [True])
    assert peer.taken_over[-1] == 3, "a cut cable is no take-over"


async def test_a_question_is_answered_with_its_own_answer(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    peer.answer = lambda ask: Answer(ok=True, jws=ask.hsa_id) if isinstance(ask, OrderAsk) else None
    async with linked(identity, store) as link:
        names = [f"TEST000000-{n:04}" for n in range(12)]
        answers = await asyncio.gather(*(link.ask(OrderAsk(name)) for name in names))
    assert [answer.jws for answer in answers] == names


async def test_a_late_answer_is_dropped(identity: Identity, store: StationStore, peer: FleetPeer) -> None:
    async with linked(identity, store) as link:
        with pytest.raises(AskTimeout):
            await link.ask(OrderAsk("TEST000000-0001"), timeout_s=0.2)
        await seen(peer, lambda at: len(at.correlations) == 1)
        late = peer.sealed("entre-a", peer.nonces[0], Answer(ok=True, jws="late"))
        peer.publish(Topics("entre-a").answer, late, peer.correlations[0])
        peer.publish(Topics("entre-a").answer, late, b"nobody asked this")
        peer.answer = lambda ask: Answer(ok=True, jws="right")
        assert (await link.ask(OrderAsk("TEST000000-0002"))).jws == "right"


async def test_a_question_under_way_fails_at_once_when_the_connection_goes(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    async with linked(identity, store) as link:
        asking = asyncio.create_task(link.ask(OrderAsk("TEST000000-0001"), timeout_s=60))
        await seen(peer, lambda at: len(at.asked) == 1)
        link.set_allowed(False)
        with pytest.raises(LinkDown):
            await asking


async def test_malformed_messages_from_above_change_nothing_and_show_nothing(
    identity: Identity, store: StationStore, peer: FleetPeer, caplog: pytest.LogCaptureFixture
) -> None:
    canary = b"canary-81726354"
    topics = Topics("entre-a")
    async with linked(identity, store) as link:
        with pytest.raises(AskTimeout):
            await link.ask(OrderAsk("TEST000000-0001"), timeout_s=0.2)
        await seen(peer, lambda at: len(at.correlations) == 1)
        for payload in (canary, b'{"epoch":"' + canary + b'"}', b"[" * 3000, b"\xff\xfe", b""):
            peer.publish(topics.acked, payload)
            peer.publish(topics.answer, payload, peer.correlations[0])
        peer.answer = lambda ask: Answer(ok=True, jws="right")
        assert (await link.ask(OrderAsk("TEST000000-0002"))).jws == "right"
        assert link.online
    assert "dropped a message on acked" in caplog.text
    assert canary.decode() not in caplog.text


async def test_the_state_travels_as_the_newest_only_with_the_depth_of_the_outbox(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    peer.mute = True
    await commit(store, 4)
    async with linked(identity, store) as link:
        for step in range(50):
            link.publish_state(StationState("Entré A", "0.1.0", "boot-1", "2026-01-01T08:00:00Z", step=str(step)))
        await seen(peer, lambda at: bool(at.states) and at.states[-1].step == "49")
        assert peer.states[-1].outbox_depth == 4
        assert len(peer.states) <= 2
        peer.mute = False
        await seen(peer, lambda at: at.states[-1].outbox_depth == 0)


async def test_a_station_of_another_authority_stays_outside_and_says_why(
    broker: Broker, store: StationStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    other = Authority.init(tmp_path / "other", [], now)
    code = other.claim("entre-a", now)
    stranger = enrol(other, tmp_path / "stranger", BrokerAddress("127.0.0.1", broker.port), code, now)
    caplog.set_level(logging.INFO)
    async with Link(stranger, store, "boot-1", PROMPT) as link:
        await logged(caplog, "link down")
        assert not link.online
    assert "certificate was not accepted" in caplog.text


async def test_a_revoked_station_is_kept_outside_and_the_others_are_not(
    authority: Authority,
    enrolled: Enrol,
    broker: Broker,
    identity: Identity,
    store: StationStore,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = enrolled("gone-a", broker.port)
    async with linked(gone, store):
        pass
    authority.revoke("gone-a", datetime.now(UTC))
    broker.kill()
    broker.start()
    caplog.set_level(logging.INFO)
    async with Link(gone, store, "boot-1", PROMPT) as link:
        await logged(caplog, "link down")
        assert not link.online
    async with linked(identity, store) as link:
        assert link.online


async def test_a_link_that_is_stopped_while_it_dials_leaves_nothing_open(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    for _ in range(5):
        link = Link(identity, store, "boot-1", Timing(first_s=0))
        link.start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await link.stop()
        assert not link.online


async def test_a_station_repeats_its_state_though_nothing_changes(
    identity: Identity, store: StationStore, peer: FleetPeer
) -> None:
    """By it the server tells a quiet station from one that is gone; the time in it is that of the repetition."""
    async with linked(identity, store, replace(PROMPT, state_every_s=0.6)) as link:
        link.publish_state(STATE)
        await seen(peer, lambda at: len(at.states) >= 4)
    assert {(state.title, state.outbox_depth) for state in peer.states} == {(STATE.title, 0)}
    assert peer.states[-1].time > STATE.time
