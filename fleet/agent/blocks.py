"""Durable queue of what people have proved, on its way to the server: blocks and holds, hand-overs, what was moved in the slots.
It is sent at once, before anything else, and again until answered.

It does not wait behind the events of the outbox: a question goes out as soon as there is a connection, again and again with the
same id until the server's signed word is here. The order in which they were wanted is kept.

What an effect will ask for (a card that falls into the bin is blocked) is pledged in the transaction of its intent, and queued in
that of its outcome: no power cut lies between the two.

What waits is encrypted at rest: the proofs that it carries have names in them. Where they came too late to count, the card is put
on hold in nobody's name. What cannot be read stays, and is told with its kind and card, which lie beside it in the clear as they
do in events.
"""

import asyncio
import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.at_rest import AtRestCipher, UnreadableError
from fleet.agent.keeping import Asker, AskTimeout, LinkDown
from fleet.agent.store import StationStore, StoreError
from fleet.messages.asking import (
    BinAsk,
    BlockAsk,
    DeclinedResult,
    HoldAsk,
    LiftAsk,
    ReceivedAsk,
    Result,
    StockAsk,
    tag_of,
)
from fleet.messages.issuing import HoldReason
from fleet.messages.link import MessageError, decode, encode

SCHEMA = """
CREATE TABLE IF NOT EXISTS block_queue (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ask BLOB NOT NULL, wanted TEXT NOT NULL, result BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS block_pledge (
    effect INTEGER NOT NULL, outcome TEXT NOT NULL, id TEXT NOT NULL, ask BLOB NOT NULL, PRIMARY KEY (effect, outcome)
) STRICT;
CREATE TABLE IF NOT EXISTS block_subject (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, card_number TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS block_unreadable_told (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS block_owed AS
    SELECT id FROM block_queue WHERE result IS NULL UNION SELECT id FROM block_pledge;
"""
KIND = "block"
"""What it is encrypted for."""
KEPT = 1000
"""So many that were answered are remembered."""
AGAIN_S = 30.0
ASK_S = 10.0

log = logging.getLogger(__name__)

CardChange = BlockAsk | HoldAsk | LiftAsk
Queueable = CardChange | ReceivedAsk | StockAsk | BinAsk
OF_ERRAND = 0
"""In place of an effect's number: what follows from an errand, by its id."""


@dataclass(frozen=True, slots=True)
class UnreadableAsk:
    """An ask that waits and cannot be read here. Kind and card are empty where a version before 0.1.0 kept it."""

    id: str
    kind: str
    """Its name on the link, such as `card.block`."""
    card_number: str
    wanted: str


@dataclass(frozen=True, slots=True)
class _KeptAsk:
    id: str
    kind: str
    card_number: str
    sealed: bytes

    def keep_subject(self, cx: sqlite3.Connection) -> None:
        row = (self.id, self.kind, self.card_number)
        cx.execute("INSERT OR IGNORE INTO block_subject (id, kind, card_number) VALUES (?, ?, ?)", row)


@dataclass(frozen=True, slots=True)
class PledgedAsks:
    """Asks that follow from an effect, by its outcome, or from an errand (`OF_ERRAND`), by its id."""

    by_outcome: Mapping[str, _KeptAsk]

    def keep(self, transaction: sqlite3.Connection, effect: int) -> None:
        """Keep them with the intent of that number, inside its transaction; of an errand in place of what was pledged before."""
        transaction.executemany(
            "INSERT OR REPLACE INTO block_pledge (effect, outcome, id, ask) VALUES (?, ?, ?, ?)",
            [(effect, outcome, ask.id, ask.sealed) for outcome, ask in self.by_outcome.items()],
        )
        for ask in self.by_outcome.values():
            ask.keep_subject(transaction)


def redeem_pledge(cx: sqlite3.Connection, effect: int, outcome: str, now: str) -> None:
    """Queue what was pledged for that outcome of an effect, or for that errand, inside the transaction that writes it, and forget
    the rest."""
    cx.execute(
        "INSERT OR IGNORE INTO block_queue (id, ask, wanted) SELECT id, ask, ? FROM block_pledge"
        " WHERE effect = ? AND outcome = ?",
        (now, effect, outcome),
    )
    cx.execute(
        "DELETE FROM block_pledge WHERE effect = ?1 AND (?1 <> ?2 OR outcome = ?3)", (effect, OF_ERRAND, outcome)
    )


class BlockQueue:
    """`run` it beside the link. `store` was opened with `SCHEMA` among its schemas."""

    def __init__(self, store: StationStore, link: Asker, words: AnswerVerifier, cipher: AtRestCipher) -> None:
        self._store = store
        self._cipher = cipher
        self._link = link
        self._words = words
        self._wake = asyncio.Event()
        self._answer_came: dict[str, asyncio.Event] = {}
        self._refused: set[str] = set()

    async def tell(self, ask: Queueable, now: str, timeout_s: float) -> Result | None:
        """Keep the question, then wait that long for the word. None: it is kept, and will be told. Raises StoreError.

        Asked again with the same id, it gives the word that came before.
        """
        kept_result = await self._store.transact(lambda cx: _keep(cx, self._sealed(ask), now))
        if kept_result is not None:
            return kept_result
        heard = self._answer_came.setdefault(ask.id, asyncio.Event())
        self._refused.discard(ask.id)
        self._wake.set()
        try:
            if self._link.online:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await heard.wait()
        finally:
            self._answer_came.pop(ask.id, None)
        return await self._store.transact(lambda cx: _result(cx, ask.id))

    def pledge(self, asks: Mapping[str, Queueable]) -> PledgedAsks:
        """Encrypt what follows from an effect, by its outcome."""
        return PledgedAsks({outcome: self._sealed(ask) for outcome, ask in asks.items()})

    def _sealed(self, ask: Queueable) -> _KeptAsk:
        number: str = getattr(ask, "card_number", "")
        return _KeptAsk(ask.id, tag_of(ask), number, self._cipher.encrypt(KIND, encode(ask)))

    def wake(self) -> None:
        """Something may have come into the queue with a commit of the journal."""
        self._wake.set()

    async def waiting(self) -> int:
        """Return the number of asks that have no answer yet."""
        return await self._store.transact(waiting_asks)

    def unreadable(self, cx: sqlite3.Connection) -> list[UnreadableAsk]:
        """Return what waits and is damaged, or under a key that this station does not have. In a transaction of the caller."""
        waiting = cx.execute(
            "SELECT q.ask, q.id, coalesce(s.kind, ''), coalesce(s.card_number, ''), q.wanted"
            " FROM block_queue q LEFT JOIN block_subject s ON s.id = q.id WHERE q.result IS NULL ORDER BY q.number"
        )
        return [UnreadableAsk(*row) for sealed, *row in waiting if _opened(self._cipher, sealed) is None]

    async def waits_for(self, card_number: str) -> bool:
        """Return whether a block, hold or lift of that card still waits for its answer."""

        def work(cx: sqlite3.Connection) -> bool:
            rows = cx.execute("SELECT ask FROM block_queue WHERE result IS NULL")
            asks = (_opened(self._cipher, row[0]) for row in rows)
            return any(isinstance(ask, CardChange) and ask.card_number == card_number for ask in asks)

        return await self._store.transact(work)

    async def run(self, again_s: float = AGAIN_S) -> None:
        """Tell what waits, in order, until cancelled: at once when it comes, on each connect, and every `again_s` seconds."""
        forget = self._link.on_change(self._retry_all)
        loop = asyncio.get_running_loop()
        due = loop.time() + again_s
        try:
            while True:
                self._wake.clear()
                if self._link.online:
                    await self._empty()
                try:
                    async with asyncio.timeout_at(due):
                        await self._wake.wait()
                except TimeoutError:
                    due = loop.time() + again_s
                    self._refused.clear()
        finally:
            forget()

    def _retry_all(self, online: bool) -> None:
        if online:
            self._refused.clear()
            self._wake.set()

    async def _empty(self) -> None:
        """One after the other; the first that cannot be told now ends the round, except one that the server cannot take."""
        after = 0
        while True:
            try:
                row = await self._store.transact(partial(_next, cipher=self._cipher, after=after))
                if row is None:
                    return
                after, ask = row
                if ask.id not in self._refused:
                    await self._tell_one(after, ask)
            except (LinkDown, AskTimeout, StoreError) as error:
                log.info("what people have proved waits: %s", error)
                return
            except SyncRefused as error:
                self._refused.add(ask.id)
                log.warning("a proved ask was not taken (%s), and is told again later: %s", error.code, error)

    async def _tell_one(self, number: int, ask: Queueable) -> None:
        result = self._words.result(await self._link.ask(ask, ASK_S), ask)
        late = result == DeclinedResult("nonce_unknown") and bool(ask.proofs)
        hold = _hold_instead(ask) if late and isinstance(ask, BlockAsk | HoldAsk) else None
        kept_hold = None if hold is None else (self._sealed(hold), hold.wanted)

        def answered(cx: sqlite3.Connection) -> None:
            _answered(cx, number, result)
            if kept_hold is not None:
                _keep(cx, *kept_hold)

        await self._store.transact(answered)
        heard = self._answer_came.get(ask.id)
        if heard is not None:
            heard.set()
        elif isinstance(result, DeclinedResult):  # the server has raised its alarm
            log.error("the server declined %s of the queue: %s", tag_of(ask), result.reason)


def _hold_instead(ask: BlockAsk | HoldAsk) -> HoldAsk:
    """In nobody's name: the signature behind the ask came too late to count, and the card must not stay in use."""
    reasons: dict[str, HoldReason] = {reason: reason for reason in get_args(HoldReason)}
    id_ = hashlib.sha256(f"{ask.id} hold".encode()).hexdigest()[:32]
    return HoldAsk(id=id_, card_number=ask.card_number, reason=reasons.get(ask.reason, "returned"), wanted=ask.wanted)


def waiting_asks(cx: sqlite3.Connection) -> int:
    """Return the number of asks that have no answer yet."""
    return int(cx.execute("SELECT count(*) FROM block_queue WHERE result IS NULL").fetchone()[0])


def untold(cx: sqlite3.Connection, unreadable: Sequence[UnreadableAsk]) -> list[UnreadableAsk]:
    """Return those that no event has told of, and take them for told, in the transaction that writes the events."""
    told_ids = {row[0] for row in cx.execute("SELECT id FROM block_unreadable_told")}
    new = [ask for ask in unreadable if ask.id not in told_ids]
    cx.executemany("INSERT INTO block_unreadable_told (id) VALUES (?)", [(ask.id,) for ask in new])
    return new


def _keep(cx: sqlite3.Connection, ask: _KeptAsk, now: str) -> Result | None:
    cx.execute("INSERT OR IGNORE INTO block_queue (id, ask, wanted) VALUES (?, ?, ?)", (ask.id, ask.sealed, now))
    ask.keep_subject(cx)
    return _result(cx, ask.id)


def _result(cx: sqlite3.Connection, id_: str) -> Result | None:
    row = cx.execute("SELECT result FROM block_queue WHERE id = ?", (id_,)).fetchone()
    if row is None or row[0] is None:
        return None
    result: Result = decode(Result, row[0])
    return result


def _opened(cipher: AtRestCipher, sealed: bytes) -> Queueable | None:
    """Decrypt a kept ask; None where no key of this station opens it, or it is damaged."""
    try:
        return decode(Queueable, cipher.decrypt(KIND, sealed))  # type: ignore[no-any-return]  # as the kind says
    except (UnreadableError, MessageError):
        return None


def _next(cx: sqlite3.Connection, cipher: AtRestCipher, after: int) -> tuple[int, Queueable] | None:
    """The oldest that waits and can be read. What cannot is passed over: it stays."""
    waiting = "SELECT number, ask FROM block_queue WHERE result IS NULL AND number > ? ORDER BY number"
    for number, sealed in cx.execute(waiting, (after,)).fetchall():
        ask = _opened(cipher, sealed)
        if ask is not None:
            return number, ask
    return None


def _answered(cx: sqlite3.Connection, number: int, result: Result) -> None:
    cx.execute("UPDATE block_queue SET result = ? WHERE number = ?", (encode(result), number))
    cx.execute("DELETE FROM block_queue WHERE result IS NOT NULL AND number <= ?", (number - KEPT,))
    cx.execute("DELETE FROM block_subject WHERE id NOT IN (SELECT id FROM block_owed)")
    cx.execute("DELETE FROM block_unreadable_told WHERE id NOT IN (SELECT id FROM block_owed)")
