"""The queue of blocks: durable before a word is said, told in order, and told until the server's own word is here."""

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from fleet.agent import blocks
from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.at_rest import AtRestCipher
from fleet.agent.blocks import BlockQueue, UnreadableAsk, redeem_pledge, untold
from fleet.agent.identity import Broker, Identity
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.store import StationStore
from fleet.messages.asking import BlockAsk, BlockedResult, DeclinedResult, HoldAsk, LiftAsk, Result, Word, typ_of
from fleet.messages.link import Answer, Ask
from fleet.messages.mandates import Proof
from provisioning.authority import public_jwk
from sim.stories.patience import LIMIT_S
from tests.fakes.issuers.issuing_fleet import NOW

SIGNING, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
AT = "2026-03-02T12:00:00Z"
DONE = BlockedResult(AT)
PATH = Path()
CIPHER = AtRestCipher("entre-a", bytes(32))


def identity() -> Identity:
    return Identity("entre-a", 1, Broker("localhost", 1), PATH, PATH, PATH, public_jwk(SIGNING), bytes(32), NOW)


def block(number: int) -> BlockAsk:
    return BlockAsk(id=f"{number:032x}", card_number="9999", reason="lost", wanted=AT)


def word(
    ask: BlockAsk, result: Result = DONE, *, typ: str = "", station: str = "entre-a", key: object = SIGNING
) -> Answer:
    content = msgspec.json.encode(Word(station, ask.id, AT, result))
    header = {"alg": "ES256", "typ": typ or typ_of(ask)}
    return Answer(ok=True, jws=jws.serialize_compact(header, content, ECKey.import_key(key)))  # type: ignore[arg-type]


class Wire:
    """The link: answers by a function that a test may exchange; keeps the ids in the order in which they were told."""

    def __init__(self) -> None:
        self.online = True
        self.told: list[str] = []
        self.answer: Callable[[BlockAsk], Answer] = word
        self._listeners: list[Callable[[bool], None]] = []

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def set_online(self, online: bool) -> None:
        self.online = online
        for listener in self._listeners:
            listener(online)

    async def ask(self, message: Ask, timeout_s: float = 10.0) -> Answer:
        if not self.online:
            raise LinkDown("cut")
        assert isinstance(message, BlockAsk)
        self.told.append(message.id)
        await asyncio.sleep(0)
        return self.answer(message)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StationStore]:
    made = StationStore.open(tmp_path / "station.sqlite", schemas=[blocks.SCHEMA])
    yield made
    made.close()


@pytest.fixture
def queue(store: StationStore, wire: Wire) -> BlockQueue:
    return BlockQueue(store, wire, AnswerVerifier(identity()), CIPHER)


@asynccontextmanager
async def running(queue: BlockQueue, again_s: float = 3600) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(again_s))
    try:
        async with asyncio.timeout(LIMIT_S):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def emptied(queue: BlockQueue) -> None:
    """The caller bounds the time."""
    while await queue.waiting():  # noqa: ASYNC110  # each turn is the loop's own
        await asyncio.sleep(0)


async def test_the_word_comes_at_once_and_the_same_again(queue: BlockQueue, wire: Wire) -> None:
    async with running(queue):
        assert await queue.tell(block(1), AT, 5) == DONE
        assert await queue.tell(block(1), AT, 5) == DONE
    assert wire.told == [block(1).id], "once is enough"


async def test_what_the_server_cannot_take_is_not_asked_again_with_each_new_ask(queue: BlockQueue, wire: Wire) -> None:
    """A server without an issuer: the same question with every commit of the journal would be a storm of them."""
    cannot, takes = Answer(ok=False, error="not_set_up"), word
    wire.answer = lambda ask: cannot if ask.id == block(1).id else takes(ask)
    async with running(queue):
        assert await queue.tell(block(1), AT, 0.01) is None
        for number in range(2, 6):
            assert await queue.tell(block(number), AT, 5) == DONE
            queue.wake()
        assert wire.told.count(block(1).id) == 1
        wire.answer = takes
        wire.set_online(False)
        wire.set_online(True)
        await emptied(queue)
    assert wire.told == [block(number).id for number in (1, 2, 3, 4, 5, 1)]


async def test_without_connection_they_are_kept_and_told_in_order(queue: BlockQueue, wire: Wire) -> None:
    wire.online = False
    async with running(queue):
        for number in (3, 1, 2):
            assert await queue.tell(block(number), AT, 5) is None
        assert await queue.waiting() == 3
        wire.set_online(True)
        await emptied(queue)
    assert wire.told == [block(number).id for number in (3, 1, 2)]


async def test_what_was_kept_is_told_by_the_next_boot(store: StationStore, queue: BlockQueue, wire: Wire) -> None:
    wire.online = False
    assert await queue.tell(block(1), AT, 5) is None
    wire.online = True
    after = BlockQueue(store, wire, AnswerVerifier(identity()), CIPHER)
    async with running(after):
        await emptied(after)
    assert wire.told == [block(1).id]


async def test_a_lost_answer_is_asked_for_again_with_the_same_id(queue: BlockQueue, wire: Wire) -> None:
    def lost(ask: BlockAsk) -> Answer:
        wire.answer = word
        raise AskTimeout("slow")

    wire.answer = lost
    async with running(queue, again_s=0.01):
        await queue.tell(block(1), AT, 5)
        await emptied(queue)
    assert wire.told == [block(1).id] * 2


FALSE_WORDS: dict[str, Callable[[BlockAsk], Answer]] = {
    "by a stranger": lambda ask: word(ask, key=STRANGER),
    "to another question": lambda ask: word(ask, typ=typ_of(LiftAsk(id=ask.id, card_number="9999"))),
    "to another station": lambda ask: word(ask, station="entre-b"),
    "to another id": lambda ask: word(block(99)),
    "an error": lambda ask: Answer(ok=False, error="issuer_away"),
    "no token": lambda ask: Answer(ok=True, jws="x"),
}


@pytest.mark.parametrize("story", FALSE_WORDS)
async def test_only_the_servers_own_word_takes_a_block_off_the_queue(queue: BlockQueue, wire: Wire, story: str) -> None:
    wire.answer = FALSE_WORDS[story]
    async with running(queue):
        assert await queue.tell(block(1), AT, 0.01) is None
        assert await queue.waiting() == 1
        wire.answer = word
        wire.set_online(True)
        await emptied(queue)


async def test_one_that_the_server_cannot_take_keeps_no_other_back(queue: BlockQueue, wire: Wire) -> None:
    wire.answer = lambda ask: Answer(ok=False, error="issuer_away") if ask.id == block(1).id else word(ask)
    wire.online = False
    async with running(queue):
        for number in (1, 2):
            await queue.tell(block(number), AT, 5)
        wire.set_online(True)
        while block(2).id not in wire.told:  # noqa: ASYNC110  # each turn is the loop's own
            await asyncio.sleep(0)
        while await queue.waiting() != 1:  # noqa: ASYNC110  # each turn is the loop's own
            await asyncio.sleep(0)
    assert wire.told[:2] == [block(1).id, block(2).id]


async def test_a_block_that_is_declined_later_leaves_the_queue_and_is_logged(
    queue: BlockQueue, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.answer = lambda ask: word(ask, DeclinedResult("not_allowed"))
    wire.online = False
    async with running(queue):
        await queue.tell(block(1), AT, 5)
        wire.set_online(True)
        await emptied(queue)
    assert "declined card.block of the queue: not_allowed" in caplog.text
    assert await queue.tell(block(1), AT, 5) == DeclinedResult("not_allowed")


def test_a_word_for_the_queue_says_what_it_is() -> None:
    answer = word(block(1))
    assert answer.jws is not None
    header = base64.urlsafe_b64decode(answer.jws.split(".")[0] + "==")
    assert msgspec.json.decode(header)["typ"] == "kortkiosk.card.block+jws"
    hold = HoldAsk(id=block(1).id, card_number="9999", reason="lost", wanted=AT)
    with pytest.raises(SyncRefused, match="another question"):
        AnswerVerifier(identity()).result(answer, hold)


OTHER_KEY = AtRestCipher("entre-a", bytes([1] * 32))


async def test_what_was_kept_under_another_key_is_told_once_that_key_is_here(store: StationStore, wire: Wire) -> None:
    former = BlockQueue(store, wire, AnswerVerifier(identity()), OTHER_KEY)
    wire.online = False
    assert await former.tell(block(1), AT, 5) is None
    wire.online = True
    without = BlockQueue(store, wire, AnswerVerifier(identity()), CIPHER)
    async with running(without):
        assert await without.tell(block(2), AT, 5) == DONE
    assert wire.told == [block(2).id]
    assert await without.waiting() == 1
    assert await store.transact(without.unreadable) == [UnreadableAsk(block(1).id, "card.block", "9999", AT)]
    both = AtRestCipher("entre-a", bytes(32), former=[("entre-a", bytes([1] * 32))])
    with_it = BlockQueue(store, wire, AnswerVerifier(identity()), both)
    assert await store.transact(with_it.unreadable) == []
    async with running(with_it):
        await emptied(with_it)
    assert wire.told == [block(2).id, block(1).id]


async def test_what_was_pledged_under_another_key_is_told_by_its_card(store: StationStore, wire: Wire) -> None:
    former = BlockQueue(store, wire, AnswerVerifier(identity()), OTHER_KEY)
    pledged = former.pledge({"dropped": block(1)})

    def fall(cx: sqlite3.Connection) -> None:
        pledged.keep(cx, 7)
        redeem_pledge(cx, 7, "dropped", AT)

    await store.transact(fall)
    queue = BlockQueue(store, wire, AnswerVerifier(identity()), CIPHER)
    assert await store.transact(queue.unreadable) == [UnreadableAsk(block(1).id, "card.block", "9999", AT)]


async def test_what_an_earlier_version_kept_in_another_form_stays_and_is_unreadable(
    store: StationStore, queue: BlockQueue, wire: Wire
) -> None:
    old = {"ask": "card.block", "id": "9" * 32, "card_number": "9999", "reason": "lost", "by": "X-1", "wanted": AT}

    def keep(cx: Any) -> None:
        row = ("9" * 32, msgspec.json.encode(old), AT)
        cx.execute("INSERT INTO block_queue (id, ask, wanted) VALUES (?, ?, ?)", row)

    await store.transact(keep)
    async with running(queue):
        assert await queue.tell(block(1), AT, 5) == DONE
    assert wire.told == [block(1).id]
    assert await queue.waiting() == 1
    unreadable = await store.transact(queue.unreadable)
    assert unreadable == [UnreadableAsk("9" * 32, "", "", AT)]
    assert await store.transact(lambda cx: untold(cx, unreadable)) == unreadable
    assert await store.transact(lambda cx: untold(cx, unreadable)) == [], "each is told once"


async def test_kind_and_card_of_what_was_answered_are_forgotten(
    store: StationStore, queue: BlockQueue, wire: Wire
) -> None:
    wire.online = False
    async with running(queue):
        for number in (1, 2):
            await queue.tell(block(number), AT, 5)
        assert await store.transact(lambda cx: cx.execute("SELECT count(*) FROM block_subject").fetchone()) == (2,)
        wire.set_online(True)
        await emptied(queue)
    assert await store.transact(lambda cx: cx.execute("SELECT count(*) FROM block_subject").fetchone()) == (0,)


def file_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("station.sqlite*"))


async def test_what_waits_tells_no_name_to_who_has_the_file(
    store: StationStore, queue: BlockQueue, wire: Wire, tmp_path: Path
) -> None:
    proof = Proof("MADE-UP-MANDATE", "MADE-UP-CERTIFICATE", "MADE-UP-SIGNATURE", "ES256", "MADE-UP-WISH")
    named = msgspec.structs.replace(block(1), proofs=(proof,))
    wire.online = False
    assert await queue.tell(named, AT, 5) is None
    held = file_of(tmp_path)
    assert named.id.encode() in held
    assert b"MADE-UP" not in held
    assert await queue.waits_for(named.card_number)
