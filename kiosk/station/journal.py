"""The journal of effects: a durable intent before every effect, a durable outcome and its event after (reliability I3, I4).

Intents, outcomes, receipts and outbox lie in the one file of the station. An outcome and its event are one transaction,
so there is no moment at which one exists without the other. What is open when the station starts was cut off in the
middle: `boot` writes it down as `unknown`, ends its errand as `interrupted` where it has no end yet, and returns it, so that
the station can say it. An outcome that could not be written is written with the errand's end. No effect is ever repeated by
itself.
"""

import asyncio
import inspect
import json
import logging
import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec

from drivers.reader.outcomes import Accepted, Unknown
from fleet.agent import outbox
from fleet.agent.at_rest import AtRestCipher, UnreadableError
from fleet.agent.blocks import OF_ERRAND
from fleet.agent.outbox import EventChain
from fleet.agent.store import StationStore, StoreError
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.ports import Clock, CodeThatApplies, Ended, Order, Pledge
from kiosk.receipts import Receipt, read_receipt
from kiosk.station.journal_schema import (
    DONE,
    SCHEMA,
    UNDOES,
    drop_plain_orders,
    effect_details,
    outcome_of,
    subject_of,
    was_key_made,
)
from kiosk.station.pilot import Pilot
from kiosk.stock import repository as stock

T = TypeVar("T")
logger = logging.getLogger(__name__)

__all__ = ["SCHEMA", "Interrupted", "Journal", "Log", "outcome_of", "subject_of"]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """An effect that was under way when the station stopped. What came of it is not known."""

    errand: str
    kind: str
    effect: str | None
    order: str | None


class Journal:
    """The journal of one station, written in the chain of this boot."""

    def __init__(
        self,
        store: StationStore,
        chain: EventChain,
        clock: Clock,
        *,
        cipher: AtRestCipher | None = None,
        follow: Callable[[sqlite3.Connection, str], object] = lambda cx, now: None,
        on_commit: Callable[[], None] = lambda: None,
        on_collected: Callable[[sqlite3.Connection, str], None] = lambda cx, order: None,
        redeem: Callable[[sqlite3.Connection, int, str, str], None] = lambda cx, effect, outcome, now: None,
        pilot: Pilot | None = None,
    ) -> None:
        """A journal over an open store.

        Args:
            cipher: encrypts the orders that are kept with errands. None: the station has no identity, and hands nothing out.
            follow: called in the transaction of each event, after it, with the time: a checkpoint may follow.
            on_commit: called after each commit: the link has something to send.
            on_collected: called in the transaction that ends a hand-over: the order is never offered again.
            redeem: called in the transaction that writes an outcome, with effect, outcome and time, or an errand's end, with
                `OF_ERRAND` and its id: what was pledged is due.
            pilot: decides what is written of each event.
        """
        self._store = store
        self._chain = chain
        self._clock = clock
        self._cipher = cipher
        self._follow = follow
        self._on_commit = on_commit
        self._on_collected = on_collected
        self.redeem = redeem
        self.pilot = pilot
        self._owed: dict[Log, Ended] = {}
        """Errands that are over, whose end could not be written when they were."""
        self._settling = asyncio.Lock()

    async def boot(self, version: str) -> tuple[Interrupted, ...]:
        """Write down what a stop cut off, and that the station started. Raises StoreError."""
        if self._cipher is not None:
            await self.transact(drop_plain_orders)
        return await self.transact(lambda cx: self._reconcile(cx, version))

    async def unfinished(self, hsa_id: str) -> Order | None:
        """The order of that person whose receipt was issued here in an errand that never came to its end."""
        row = await self.transact(
            lambda cx: cx.execute(
                "SELECT e.order_content, e.id FROM errand e JOIN receipt r ON r.order_no = e.order_no WHERE e.hsa_id = ?"
                " AND NOT EXISTS (SELECT 1 FROM errand d WHERE d.order_no = e.order_no AND d.outcome = 'done')"
                " ORDER BY e.started DESC LIMIT 1",
                (hsa_id,),
            ).fetchone()
        )
        order = None if row is None or row[0] is None else self._read_order(*row)
        return order if order is not None and order.hsa_id == hsa_id else None

    async def has_handed_over(self, card_number: str) -> bool:
        """Return whether the receipt of that card's order was issued here."""
        query = "SELECT 1 FROM errand e JOIN receipt r ON r.order_no = e.order_no WHERE e.card_number = ? LIMIT 1"
        return await self.transact(lambda cx: cx.execute(query, (card_number,)).fetchone()) is not None

    async def start(self, kind: str) -> "Log":
        """Begin an errand, after what is owed. Raises StoreError: then nothing has begun."""
        await self.settle()
        log = Log(self, str(uuid.uuid4()), kind, self._clock.monotonic())
        await self.transact(lambda cx: log.begin(cx))
        return log

    @property
    def is_owing(self) -> bool:
        """True while an errand's end could not be written yet."""
        return bool(self._owed)

    def owe(self, log: "Log", ended: Ended) -> None:
        """The end of that errand could not be written: `settle` does it."""
        self._owed[log] = ended

    async def settle(self) -> None:
        """Write the ends that are owed, with all that happened before them. Raises StoreError, and then still owes them."""
        async with self._settling:
            for log, ended in tuple(self._owed.items()):
                await log.end(ended)
                del self._owed[log]

    async def prove_writable(self) -> None:
        """Raises StoreError where the file takes nothing."""
        await self._store.prove_writable()

    def now(self) -> str:
        """The time for a record: RFC 3339, UTC."""
        return self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction, then wake the link."""
        result = await self._store.transact(work)
        self._on_commit()
        return result

    def event(self, cx: sqlite3.Connection, kind: EventType, subject: str | None, content: dict[str, Any]) -> None:
        """Append an event inside the transaction, with what it changes in the list of cards."""
        if self.pilot is not None:
            content = self.pilot.record(kind, content)
        stock.apply_event(cx, kind, content, self.now())
        outbox.append(cx, self._chain, kind, self.now(), subject, content)
        self.checkpoint(cx)

    @property
    def names_nobody(self) -> bool:
        """True where no card and no person is written."""
        return self.pilot is not None and self.pilot.rules.stores_no_person

    def facts(self, facts: dict[str, str | int]) -> dict[str, str | int]:
        """Return what is written of an effect's facts."""
        return facts if self.pilot is None else self.pilot.facts(facts)

    def collect(self, cx: sqlite3.Connection, order: str) -> None:
        """Note inside the transaction that an order was handed over."""
        self._on_collected(cx, order)

    def checkpoint(self, cx: sqlite3.Connection) -> None:
        """Sign the chain inside the transaction, if it is time."""
        self._follow(cx, self.now())

    def sealed_order(self, errand: str, order: Order) -> bytes:
        """An order as it is kept with its errand: it names a person, and a slot that may be opened for them."""
        content = msgspec.json.encode(order)
        return content if self._cipher is None else self._cipher.encrypt(f"order {errand}", content)

    def _read_order(self, content: bytes, errand: str) -> Order | None:
        """None where this station did not keep it with that errand."""
        try:
            plain = content if self._cipher is None else self._cipher.decrypt(f"order {errand}", content)
        except UnreadableError as error:
            logger.error("an order that was kept is not gone on with: %s", error)
            return None
        return msgspec.json.decode(plain, type=Order)

    def _reconcile(self, cx: sqlite3.Connection, version: str) -> tuple[Interrupted, ...]:
        stock.rebuild(cx, self.now(), outbox.sound_events)
        rows = cx.execute(
            "SELECT e.id, e.kind, f.id, f.name, coalesce(f.order_no, e.order_no), f.facts FROM errand e"
            " LEFT JOIN effect f ON f.errand = e.id AND f.outcome IS NULL WHERE e.ended IS NULL OR f.id IS NOT NULL"
            " ORDER BY e.started, f.id"
        ).fetchall()
        interrupted = tuple(Interrupted(errand, kind, name, order) for errand, kind, _, name, order, _ in rows)
        open_errands = {row[0] for row in cx.execute("SELECT id FROM errand WHERE ended IS NULL").fetchall()}
        started = {"version": version, "found": [f.effect for f in interrupted if f.effect]}
        self.event(cx, EventType.STATION_STARTED, None, started)
        for errand, _, effect, name, order, facts in rows:
            if effect is not None:
                cx.execute(
                    "UPDATE effect SET outcome = ?, concluded = ? WHERE id = ?", (Outcome.UNKNOWN, self.now(), effect)
                )
                self.redeem(cx, effect, Outcome.UNKNOWN, self.now())
                content = {"errand": errand, "effect": name, **json.loads(facts)}
                self.event(cx, EventType.EFFECT_UNKNOWN, subject_of(order), content)
        for open_errand in {f.errand: f for f in interrupted if f.errand in open_errands}.values():
            cx.execute(
                "UPDATE errand SET ended = ?, outcome = ? WHERE id = ?",
                (self.now(), ErrandOutcome.INTERRUPTED, open_errand.errand),
            )
            self.redeem(cx, OF_ERRAND, open_errand.errand, self.now())
            content = {
                "errand": open_errand.errand,
                "kind": open_errand.kind,
                "outcome": ErrandOutcome.INTERRUPTED,
                "seconds": 0,
            }
            content |= {"order": open_errand.order} if open_errand.order else {}
            self.event(cx, EventType.ERRAND_ENDED, subject_of(open_errand.order), content)
        return interrupted


CODE_EFFECTS = (Effect.CARD_UNBLOCK, Effect.CARD_CHANGE)
SLOT_EFFECTS = (Effect.SLOT_OPEN, Effect.SLOT_REOPEN)


def code_after(result: object, before: CodeThatApplies) -> CodeThatApplies:
    """Return the code that applies after a command that writes one."""
    if isinstance(result, Accepted) and result.new_code_set:
        return "new"
    return "unknown" if isinstance(result, Unknown) else before


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """Outcome of an effect."""

    intent: int
    name: Effect
    outcome: str
    facts: dict[str, str | int]


class Log:
    """One errand's part of the journal: implements `kiosk.ports.ErrandLog`."""

    def __init__(self, journal: Journal, id_: str, kind: str, started: float) -> None:
        self.id = id_
        self.kind = kind
        self.order: Order | None = None
        self.card_number: str | None = None
        self.hsa_id: str | None = None
        self.ended: Ended | None = None
        self.unknown: set[Effect] = set()
        """Effects of this errand whose outcome nobody knows yet."""
        self.code: CodeThatApplies = "before"
        """Which code the card has, as far as this errand has changed it."""
        self.opened: set[int] = set()
        """Slots that this errand has opened, or may have."""
        self._unwritten: list[Callable[[sqlite3.Connection], None]] = []
        """Writers of what happened and could not be committed: it is written with the errand's end as soon as the file takes
        that, or, of an effect, at the next start as unknown."""
        self._journal = journal
        self._started = started

    def begin(self, cx: sqlite3.Connection) -> None:
        """Write that the errand has begun, inside the transaction."""
        cx.execute("INSERT INTO errand (id, kind, started) VALUES (?, ?, ?)", (self.id, self.kind, self._journal.now()))
        self._event(cx, EventType.ERRAND_STARTED, {"kind": self.kind})

    async def about(self, order: Order) -> None:
        """From here on the errand is about that order."""
        self.order, self.card_number, self.hsa_id = order, order.card_number, order.hsa_id
        await self._journal.transact(
            lambda cx: cx.execute(
                "UPDATE errand SET order_no = ?, hsa_id = ?, card_number = ?, order_content = ? WHERE id = ?",
                (order.order, order.hsa_id, order.card_number, self._journal.sealed_order(self.id, order), self.id),
            )
        )

    async def about_card(self, card_number: str, hsa_id: str) -> None:
        """From here on the errand is about that card."""
        if self._journal.names_nobody:
            return
        self.card_number, self.hsa_id = card_number, hsa_id
        await self._journal.transact(
            lambda cx: cx.execute(
                "UPDATE errand SET card_number = ?, hsa_id = ? WHERE id = ?", (card_number, hsa_id, self.id)
            )
        )

    async def progress(self) -> frozenset[str]:
        """Names of the effects that are done for this order."""
        query = "SELECT name, outcome FROM effect WHERE order_no = ? AND outcome IS NOT NULL ORDER BY id"
        rows = await self._journal.transact(lambda cx: cx.execute(query, (self._order_no,)).fetchall())
        done: set[str] = set()
        for name, outcome in rows:
            done -= UNDOES.get(name, frozenset())
            if outcome in DONE:
                done.add(name)
        return frozenset(done)

    async def may_have_begun(self, effect: Effect) -> bool:
        query = "SELECT outcome FROM effect WHERE order_no = ? AND name = ?"
        rows = await self._journal.transact(lambda cx: cx.execute(query, (self._order_no, effect)).fetchall())
        return any(outcome is None or outcome == Outcome.UNKNOWN or outcome in DONE for (outcome,) in rows)

    async def made_key(self, key_id: str) -> bool:
        """Return whether the last that is known of the key in that place is that it was made."""
        return await self._journal.transact(lambda cx: was_key_made(cx, self.card_number, key_id))

    async def receipt(self) -> Receipt | None:
        """The receipt that was issued for this order before."""
        row = await self._journal.transact(
            lambda cx: cx.execute("SELECT document, qr FROM receipt WHERE order_no = ?", (self._order_no,)).fetchone()
        )
        return None if row is None else read_receipt(row[0], row[1])

    async def effect(self, name: Effect, act: Awaitable[T], *, pledge: Pledge | None = None, **facts: str | int) -> T:
        """Intent, act, outcome. Raises what `act` raises, after writing `unknown`; StoreError before anything is done, or where
        the outcome cannot be written: `end` does it then."""
        facts = self._journal.facts(facts)
        try:
            intent = await self._journal.transact(lambda cx: self.intend(cx, name, facts, pledge))
        except BaseException:
            if inspect.iscoroutine(act):
                act.close()  # it was never started: nothing has happened
            raise
        try:
            result = await act
            outcome = outcome_of(result)
        except BaseException:
            if name in CODE_EFFECTS:
                self.code = "unknown"
            self._note_door(name, Outcome.UNKNOWN, facts)
            await asyncio.shield(self._conclude(_Conclusion(intent, name, Outcome.UNKNOWN, facts)))
            raise
        if name in CODE_EFFECTS:
            self.code = code_after(result, self.code)
        self._note_door(name, outcome, facts)
        await self._conclude(_Conclusion(intent, name, outcome, facts | effect_details(result)))
        return result

    def _note_door(self, name: Effect, outcome: str, facts: dict[str, str | int]) -> None:
        if name in SLOT_EFFECTS and "slot" in facts and outcome in (Outcome.OPENED, Outcome.UNKNOWN):
            self.opened.add(int(facts["slot"]))

    async def settled(self, effect: Effect, how: Outcome) -> None:
        """Note what is now known of an effect whose outcome was unknown."""
        self.unknown.discard(effect)
        if effect in CODE_EFFECTS:
            self.code = "new" if how == Outcome.WRITTEN else "before"
        await self.note(EventType.EFFECT_DONE, effect=effect, outcome=how)

    async def note(self, kind: EventType, *, pledge: Pledge | None = None, **content: Any) -> None:
        """Commit one event; one that tells of an effect counts for the order's progress too."""

        def work(cx: sqlite3.Connection) -> None:
            if kind == EventType.EFFECT_DONE:
                cx.execute(
                    "INSERT INTO effect (errand, order_no, name, facts, intended, outcome, concluded)"
                    " VALUES (?, ?, ?, '{}', ?, ?, ?)",
                    (self.id, self._order_no, content["effect"], now, content["outcome"], now),
                )
            if pledge is not None:
                pledge.keep(cx, OF_ERRAND)
            self._event(cx, kind, content)

        now = self._journal.now()
        await self._write_or_keep(work)

    async def issued(self, receipt: Receipt, *, pledge: Pledge | None = None, **content: Any) -> None:
        """Keep the receipt, and its event, in one transaction; what is pledged with it is due at once."""

        def work(cx: sqlite3.Connection) -> None:
            cx.execute(
                "INSERT INTO receipt VALUES (?, ?, ?, ?, ?)",
                (receipt.number, self._order_no, receipt.document, receipt.qr, self._journal.now()),
            )
            about = {
                "card_number": receipt.facts.card_number,
                "number": receipt.number,
                "receipt": json.loads(receipt.document),
                "signed": receipt.signed,
            }
            self._event(cx, EventType.RECEIPT_ISSUED, about | content)
            if pledge is not None:
                pledge.keep(cx, OF_ERRAND)
                self._journal.redeem(cx, OF_ERRAND, self.id, self._journal.now())

        await self._journal.transact(work)

    async def end(self, ended: Ended) -> None:
        """Commit how the errand ended; only the first word that was committed counts. Raises StoreError, and the journal owes
        it."""
        if self.ended is not None:
            return
        if self.unknown and ended.outcome not in (ErrandOutcome.DONE, ErrandOutcome.UNKNOWN):
            ended = replace(ended, outcome=ErrandOutcome.UNKNOWN)
        ended = replace(ended, card_number=ended.card_number or self.card_number)

        def work(cx: sqlite3.Connection) -> None:
            for write in self._unwritten:
                write(cx)
            cx.execute(
                "UPDATE errand SET ended = ?, outcome = ? WHERE id = ?", (self._journal.now(), ended.outcome, self.id)
            )
            seconds = round(self._journal.monotonic() - self._started)
            content: dict[str, Any] = {"kind": self.kind, "outcome": ended.outcome, "seconds": seconds}
            if ended.reason:
                content["reason"] = ended.reason
            if self.card_number is not None:
                content |= {"card_number": self.card_number}
            if self.hsa_id:  # of a card that was told by its number alone nobody knows whose it is
                content |= {"hsa_id": self.hsa_id}
            self._event(cx, EventType.ERRAND_ENDED, content)
            self._journal.redeem(cx, OF_ERRAND, self.id, self._journal.now())
            if ended.outcome == ErrandOutcome.DONE and self._order_no:
                self._journal.collect(cx, self._order_no)

        try:
            await self._journal.transact(work)
        except StoreError:
            self._journal.owe(self, ended)
            raise
        self._unwritten.clear()
        self.ended = ended

    @property
    def _order_no(self) -> str | None:
        return self.order.order if self.order else None

    def _event(self, cx: sqlite3.Connection, kind: EventType, content: dict[str, Any]) -> None:
        full_content = {"errand": self.id, **({"order": self._order_no} if self._order_no else {}), **content}
        self._journal.event(cx, kind, subject_of(self._order_no, self.card_number), full_content)

    def intend(
        self, cx: sqlite3.Connection, name: Effect, facts: dict[str, str | int], pledge: Pledge | None = None
    ) -> int:
        cursor = cx.execute(
            "INSERT INTO effect (errand, order_no, name, facts, intended) VALUES (?, ?, ?, ?, ?)",
            (self.id, self._order_no, name, json.dumps(facts), self._journal.now()),
        )
        assert cursor.lastrowid is not None
        if pledge is not None:
            pledge.keep(cx, cursor.lastrowid)
        return cursor.lastrowid

    async def _conclude(self, conclusion: "_Conclusion") -> None:
        if conclusion.outcome == Outcome.UNKNOWN:
            self.unknown.add(conclusion.name)
        elif conclusion.outcome in DONE:
            self.unknown.discard(conclusion.name)  # it is done now, whatever came of it before
        await self._write_or_keep(lambda cx: self._write_conclusion(cx, conclusion))

    async def _write_or_keep(self, write: Callable[[sqlite3.Connection], None]) -> None:
        """Commit what has happened. Raises StoreError, and then keeps it for the errand's end."""
        try:
            await self._journal.transact(write)
        except StoreError:
            self._unwritten.append(write)
            raise

    def _write_conclusion(self, cx: sqlite3.Connection, conclusion: "_Conclusion") -> None:
        cx.execute(
            "UPDATE effect SET outcome = ?, facts = ?, concluded = ? WHERE id = ?",
            (conclusion.outcome, json.dumps(conclusion.facts), self._journal.now(), conclusion.intent),
        )
        self._journal.redeem(cx, conclusion.intent, conclusion.outcome, self._journal.now())
        content = {"effect": conclusion.name, **conclusion.facts}
        if conclusion.outcome == Outcome.UNKNOWN:
            self._event(cx, EventType.EFFECT_UNKNOWN, content)
        else:
            self._event(cx, EventType.EFFECT_DONE, content | {"outcome": conclusion.outcome})
