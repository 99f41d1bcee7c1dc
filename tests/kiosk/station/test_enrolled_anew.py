"""A station that owes a block is enrolled anew: the block reaches the server, or an alert names its card."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from fleet.agent.at_rest import kept_keys_file
from fleet.agent.identity import Identity
from fleet.messages.asking import BlockAsk, BlockedResult, Word, typ_of
from fleet.messages.events import parse
from fleet.messages.link import Answer, Ask
from fleet.messages.vocabulary import EventType
from kiosk.config import load
from kiosk.station.build import open_station
from sim.demo.seed import STATION
from sim.stories.patience import LIMIT_S
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.fleet.server_peer import FleetPeer
from tests.fakes.station.visitor import Visitor
from tests.fleet.agent.conftest import Enrol, authority, broker, enrolled, peer

__all__ = ["authority", "broker", "enrolled", "peer"]

AT = "2026-03-02T12:00:00Z"
BLOCK = BlockAsk(id="1" * 32, card_number="9752269999", reason="returned", wanted=AT)


def station_of(identity: Identity, base: Path) -> Path:
    config = base / "station.toml"
    config.write_text(f'[station]\nidentity = "{identity.key_file.parent.name}"\n')
    return config


async def owe_a_block(config: Path) -> None:
    """The server is away while the block is asked for."""
    async with open_station(load(config), config.parent, Visitor()) as station:
        assert station.fleet is not None
        assert await station.fleet.issuer.queue.tell(BLOCK, AT, 0.01) is None


def enrol_anew(identity: Identity, enrolled: Enrol, port: int) -> Identity:
    folder = identity.key_file.parent
    shutil.rmtree(folder)  # as after a damage, whichever file it was in
    return enrolled(STATION, port)


async def none_left(count: Callable[[], Awaitable[int]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while await count():  # noqa: ASYNC110  # a file: no event
            await asyncio.sleep(0.02)


def blocks_at(peer: FleetPeer) -> list[Ask]:
    def answer(ask: Ask) -> Answer | None:
        if not isinstance(ask, BlockAsk):
            return None
        word = msgspec.json.encode(Word(STATION, ask.id, AT, BlockedResult(AT)))
        return Answer(ok=True, jws=peer.signer.sign(word, typ_of(ask)))

    peer.answer = answer
    return peer.asked


async def test_a_block_that_waits_is_told_under_the_new_identity(
    enrolled: Enrol, broker: Broker, peer: FleetPeer, tmp_path: Path
) -> None:
    asked = blocks_at(peer)
    away = enrolled(STATION, 1)
    config = station_of(away, tmp_path)
    await owe_a_block(config)
    enrol_anew(away, enrolled, broker.port)
    async with open_station(load(config), tmp_path, Visitor()) as station:
        assert station.fleet is not None
        await none_left(station.fleet.issuer.queue.waiting)
        assert "asks_unreadable" not in {problem.code for problem in station.problems}
    assert [ask for ask in asked if isinstance(ask, BlockAsk)] == [BLOCK]


async def test_without_the_former_keys_it_stays_and_an_event_names_kind_and_card_once(
    enrolled: Enrol, broker: Broker, peer: FleetPeer, tmp_path: Path
) -> None:
    asked = blocks_at(peer)
    away = enrolled(STATION, 1)
    config = station_of(away, tmp_path)
    await owe_a_block(config)
    identity = enrol_anew(away, enrolled, broker.port)
    kept_keys_file(identity.key_file.parent).unlink()
    for _ in range(2):
        async with open_station(load(config), tmp_path, Visitor()) as station:
            problem = next(one for one in station.problems if one.code == "asks_unreadable")
            assert problem.text.startswith("1 blocks or other asks wait here")
            assert station.fleet is not None
            assert await station.fleet.issuer.queue.waiting() == 1
            assert station.records is not None
            await none_left(station.records.depth)
    events = [parse(peer.held[place]) for place in sorted(peer.held)]
    assert [event.content() for event in events if event.type == EventType.ASK_UNREADABLE] == [
        {"kind": "card.block", "card_number": BLOCK.card_number, "wanted": AT}
    ]
    assert not any(isinstance(ask, BlockAsk) for ask in asked)
