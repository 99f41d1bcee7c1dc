"""Attacks on the link between station and server: a lying broker, a rogue station, a flood."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from fleet.agent import outbox
from fleet.agent.drain import FlowLimits
from fleet.agent.identity import Identity
from fleet.agent.keeping import AskTimeout
from fleet.agent.link import Link, Timing
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore
from fleet.messages.asking import HoldAsk
from fleet.messages.events import Event
from fleet.messages.link import Acked, Answer, Ask, ChainAsk, HeldChain, OrderAsk, decode, encode
from fleet.messages.pacing import ASK_BURST
from fleet.messages.signed import ANSWER_TYP, SignedAnswer, format_time, open_ask, sign_acked
from fleet.server.database.database import Database
from fleet.server.issuers.proofs.administrators import Administrators
from fleet.server.issuers.proofs.nonces import Nonces
from fleet.server.issuers.proofs.verification import ProofJudge, Trusted
from fleet.server.issuers.requests import MOST_AN_HOUR, RequestLog
from fleet.server.issuers.service import IssuerAnswers
from fleet.server.keys.signing import Signer
from fleet.server.stations.alarms import AlarmRecorder
from kiosk.station.fleet_orders import ServerEnvelopes
from provisioning.authority import Authority
from sim.stories.person import Person
from sim.stories.setting import Setting, released, room_for
from tests.fakes.brokers.lying_broker import LyingBroker
from tests.fakes.server.asking import Desk
from tests.fakes.server.databases import either, new_store, on_postgres
from tests.fleet.agent.conftest import Enrol, authority, broker, enrolled, store
from tests.fleet.server.conftest import hold_orders, record

__all__ = ["authority", "broker", "either", "enrolled", "on_postgres", "store"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PROMPT = Timing(first_s=0.05, pace=FlowLimits(window=20, acked_timeout_s=0.5))
MATCH = Answer(ok=True, verdict="match")
OWN_KEY = Signer(ECKey.generate_key("P-256"))
"""A key that the liar has made."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(ECKey.generate_key("P-256"))


@pytest.fixture
def identity(enrolled: Enrol, broker: Any) -> Identity:
    return enrolled("entre-a", broker.port)


@pytest.fixture
def liar(authority: Authority, broker: Any) -> Iterator[LyingBroker]:
    made = LyingBroker(authority.directory / "server", broker.port)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def true_signer(authority: Authority) -> Signer:
    """The server's: for what it has said at another time, or to somebody else."""
    return Signer.load(authority.directory / "server" / "signing.key")


@pytest.fixture
def desk(authority: Authority, tmp_path: Path) -> Iterator[Desk]:
    database = new_store(tmp_path / "fleet.sqlite")
    hold_orders(database, record())
    yield Desk(authority, database, tmp_path)
    database.close()


@asynccontextmanager
async def online(identity: Identity, store: StationStore) -> AsyncIterator[Link]:
    reached = asyncio.Event()
    async with Link(identity, store, "boot-1", PROMPT) as link:
        link.on_change(lambda now: reached.set() if now else None)
        if not link.online:
            async with asyncio.timeout(60):
                await reached.wait()
        yield link


def answer_of(signer: Signer, nonce: str, station: str = "entre-a", typ: str = ANSWER_TYP) -> bytes:
    """A verdict that is signed."""
    content = SignedAnswer(station, nonce, format_time(datetime.now(UTC)), MATCH)
    return signer.sign(encode(content), typ).encode()


def lies(true_signer: Signer) -> dict[str, Any]:
    """What a broker can say to an ask, by what is wrong with it. It reads the nonce, and rogue stations choose theirs."""
    nonce = lambda payload: open_ask(payload).signed.nonce  # noqa: E731
    return {
        "unsigned": lambda payload: encode(MATCH),
        "under a key of its own": lambda payload: answer_of(OWN_KEY, nonce(payload)),
        "the answer to another ask": lambda payload: answer_of(true_signer, "0" * 32),
        "the answer to another station": lambda payload: answer_of(true_signer, nonce(payload), "entre-b"),
        "another word of the server": lambda payload: answer_of(true_signer, nonce(payload), typ="kortkiosk.word+jws"),
    }


LIES = tuple(lies(OWN_KEY))


@pytest.mark.broker
@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_broker_opens_no_slot(
    lie: str, identity: Identity, store: StationStore, liar: LyingBroker, true_signer: Signer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A broker says `match` to a made-up release code, and the slot with somebody's card opens."""
    monkeypatch.setattr("kiosk.station.fleet_orders.ASK_LIMIT_S", 0.5)
    liar.on_ask = lies(true_signer)[lie]
    room = room_for(tmp_path, Setting(number=12))
    try:
        async with online(identity, store) as link:
            room.equip(envelopes=ServerEnvelopes(identity, link))
            story = {"pickup.stop.verifier_away": "end", **released(release_code="00000000")}
            await room.errand(Person(room.world, room.clock, story))
            assert link.dropped.counts["answer"] == len(liar.asked) >= 1
        assert "slot.open opened" not in await room.told()
        assert room.world.cabinet.open_slot_number is None
    finally:
        await room.close()


def _chain(signer: Signer, payload: bytes) -> bytes | None:
    """What a server says of a chain of which it holds nothing yet; it answers nothing else."""
    signed = open_ask(payload).signed
    if not isinstance(decode(Ask, bytes(signed.ask)), ChainAsk):
        return None
    content = SignedAnswer("entre-a", signed.nonce, format_time(datetime.now(UTC)), Answer(True, chain=HeldChain(0, 0)))
    return signer.sign(encode(content), ANSWER_TYP).encode()


@pytest.mark.broker
@pytest.mark.parametrize("lie", ["unsigned", "under a key of its own", "the word to another station", "another word"])
async def test_a_lying_broker_empties_no_outbox(
    lie: str, identity: Identity, store: StationStore, liar: LyingBroker, true_signer: Signer
) -> None:
    """A broker says that events are held which the server has never seen, and the station forgets them."""
    tell = {
        "unsigned": lambda word: encode(word),
        "under a key of its own": lambda word: sign_acked([("entre-a", word)], NOW, OWN_KEY.sign)[0],
        "the word to another station": lambda word: sign_acked([("entre-b", word)], NOW, true_signer.sign)[0],
        "another word": lambda word: sign_acked([("entre-a", Acked(1, 0))], NOW, true_signer.sign)[0].replace(
            b'"through":0', b'"through":%d' % word.through
        ),
    }[lie]
    liar.on_ask = lambda payload: _chain(true_signer, payload)
    liar.on_event = lambda event: tell(Acked(event.epoch, event.sequence))
    chain = EventChain("entre-a", 1, "boot-1")
    await store.transact(
        lambda cx: [outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {}) for _ in range(3)]
    )
    async with online(identity, store) as link:
        await asyncio.to_thread(liar.wait_until, lambda: len(liar.told) >= 3)
        with pytest.raises(AskTimeout):  # the broker keeps order: what it said before has come by then
            await link.ask(OrderAsk("TEST000000-0001"), timeout_s=0.3)
        assert link.dropped.counts["acked"] >= 3
    assert await store.transact(lambda cx: outbox.depth(cx, "entre-a")) == 3


@pytest.mark.broker
async def test_a_lying_broker_repeats_yesterdays_word(
    identity: Identity, store: StationStore, liar: LyingBroker, true_signer: Signer
) -> None:
    """A broker repeats what the server truly said yesterday, before it was restored and lost the events"""
    told = itertools.count()

    def repeat(event: Event) -> bytes:
        newest = next(told) == 0
        word = Acked(event.epoch, 0 if newest else event.sequence)
        at = datetime.now(UTC) - timedelta(days=0 if newest else 1)
        return sign_acked([("entre-a", word)], at, true_signer.sign)[0]

    liar.on_ask, liar.on_event = lambda payload: _chain(true_signer, payload), repeat
    chain = EventChain("entre-a", 1, "boot-1")
    await store.transact(
        lambda cx: [outbox.append(cx, chain, "se.kortkiosk.test", "2026-01-01T08:00:00Z", None, {}) for _ in range(3)]
    )
    async with online(identity, store) as link:
        await asyncio.to_thread(liar.wait_until, lambda: len(liar.told) >= 3)
        with pytest.raises(AskTimeout):
            await link.ask(OrderAsk("TEST000000-0001"), timeout_s=0.3)
    assert await store.transact(lambda cx: outbox.depth(cx, "entre-a")) == 3


async def test_nobody_asks_in_another_stations_name(desk: Desk) -> None:
    """A broker passes an ask on as another station's, and reads that station's orders with names."""
    unsigned = encode(OrderAsk("TEST000000-0001"))
    said = await desk.deliver(
        [("entre-a", desk.ask("entre-b")), ("entre-a", unsigned), ("entre-b", desk.ask("entre-b"))]
    )
    assert [station for station, _ in said] == ["entre-b"]
    assert (desk.counts["other_station"], desk.counts["unsigned"]) == (1, 1)


async def test_the_brokers_own_certificate_is_no_stations(desk: Desk, authority: Authority) -> None:
    """A broker signs an ask with its own certificate, whose host name is also a station's name."""
    rogue = desk.rogue("localhost", authority.directory / "server", "broker")
    assert await desk.deliver([("localhost", rogue)]) == []
    assert desk.counts["stranger"] == 1


async def test_a_revoked_station_asks_nothing(desk: Desk, authority: Authority) -> None:
    """A stolen station whose certificate was revoked goes on asking through a broker that still lets it in."""
    payloads = [desk.ask("gone-a"), desk.ask("gone-a")]
    assert len(await desk.deliver([("gone-a", payloads[0])])) == 1
    authority.revoke("gone-a", datetime.now(UTC))
    assert await desk.deliver([("gone-a", payloads[1])]) == []
    assert desk.counts["revoked"] == 1


async def test_a_replayed_ask_is_not_answered_again(desk: Desk) -> None:
    """A broker sends an ask of yesterday, or the one of just now once more."""
    now = desk.ask("entre-a")
    said = await desk.deliver([("entre-a", now), ("entre-a", now), ("entre-a", now)])
    assert len(said) == 1
    assert desk.counts["replayed"] == 2
    yesterday = desk.ask("entre-a", at=datetime.now(UTC).replace(year=2025))
    ((_, late),) = await desk.deliver([("entre-a", yesterday)])
    assert (late.answer.ok, late.answer.error, late.answer.jws) == (False, "clock", None)


async def test_a_flooding_station_is_the_only_one_that_waits(desk: Desk) -> None:
    """A rogue station floods the server with asks, and another station's answer comes after all of them."""
    flood = [("entre-b", desk.ask("entre-b")) for _ in range(10 * ASK_BURST)]
    said = await desk.deliver([*flood, *(("entre-a", desk.ask("entre-a")) for _ in range(3))])
    answered = [station for station, answer in said if answer.answer.ok]
    assert answered.count("entre-a") == 3
    assert answered.count("entre-b") <= 1.5 * ASK_BURST, "what is over its rate is refused without work"
    places = [place for place, (station, _) in enumerate(said) if station == "entre-a"]
    refused = [answer for station, answer in said if station == "entre-b" and answer.answer.error == "too_many"]
    assert len(refused) < 2 * ASK_BURST, "and a flood does not even cost a signature each"
    assert places[-1] - len(refused) <= 12, "served in turn with the flood, not behind it"


class SlowDirectory:
    """A register that answers once all questions are there: whoever counts before it and writes after it counts wrong."""

    def __init__(self, callers: int) -> None:
        self.asked = 0
        self._callers = callers
        self._all_here = asyncio.Event()

    async def find(self, hsa_id: str, card_number: str) -> None:
        self.asked += 1
        if self.asked >= self._callers:
            self._all_here.set()
        await self._all_here.wait()


async def test_parallel_asks_do_not_get_past_an_hourly_limit(either: Database, signer: Signer) -> None:
    """200 asks at once go past a limit of 60 an hour, because each is counted before any is written."""
    most = MOST_AN_HOUR["card.hold"]
    directory = SlowDirectory(most)
    fake: Any = type("Fake", (), {"directory": directory, "register": None, "holds": True})()
    judge = ProofJudge(Nonces(either), Trusted((), (), list), None)  # type: ignore[arg-type]  # no ask carries a proof
    administrators = Administrators(either)
    answers = IssuerAnswers(fake, RequestLog(either), judge, administrators, signer, AlarmRecorder(either), lambda: NOW)

    async def hold(number: int) -> Answer:
        wanted = "2026-03-02T12:00:00Z"
        return await answers.answer(
            "entre-a",
            HoldAsk(id=f"{number:032x}", card_number=f"{number:04}", reason="forgotten", wanted=wanted),
        )

    async with asyncio.timeout(60):
        said = await asyncio.gather(*map(hold, range(200)))
    assert directory.asked == most
    assert [one.error for one in said].count("too_many") == 200 - most
