"""Synced orders and administrators: what the server gave this station, signed, so that a hand-over needs no connection.

A list comes by paged questions. Each page is a compact JWS (RFC 7515) under the server key pinned at enrolment, ES256
and of its own `typ`, for this station by name, not expired, and not issued before what is already held: a forged,
replayed or expired list, or another station's, is refused whole. A list replaces the one before in one transaction,
once its last page is in.

What is kept is the signed pages themselves, encrypted (`fleet.agent.at_rest`). They are verified whenever they are read into
memory, and everything is answered from there: a row that somebody else wrote counts for nothing. What does not open, or is not
the server's, is dropped, said in the log and in `dropped`, and fetched again. The newest list's time outlives it, as a floor.

Orders that were collected here are never offered again, even while the server does not know yet.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import msgspec

from fleet.agent.answer_verification import AnswerVerifier, SyncRefused
from fleet.agent.at_rest import UnreadableError, station_cipher
from fleet.agent.identity import Identity
from fleet.agent.keeping import Asker, keep_fresh
from fleet.agent.store import StationStore
from fleet.messages.asking import ORDER_TYP, SYNC_TYP
from fleet.messages.leavers import hand_over_digest
from fleet.messages.link import (
    Administrator,
    Answer,
    Delivery,
    Order,
    OrderAsk,
    SyncAsk,
    SyncPage,
)

log = logging.getLogger(__name__)

MAX_PAGES = 500
EVERY_S = 600.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS sync_sealed (kind TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sync_collected (id TEXT PRIMARY KEY) STRICT;
DROP TABLE IF EXISTS sync_list;
DROP TABLE IF EXISTS sync_order;
DROP TABLE IF EXISTS sync_administrator;
"""
"""`sync_sealed`: `list` (the pages), `found` (newer answers about single people), `floor`. The tables that are dropped held the
same in clear, before."""


@dataclass(frozen=True, slots=True)
class ListValidity:
    """The times of the list that is held: made at `issued`, not to be used past `not_after`."""

    issued: datetime
    not_after: datetime


class FoundAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's signed answer about the orders of one person, as it is kept."""

    hsa_id: str
    jws: str


@dataclass(frozen=True, slots=True)
class _Lists:
    """Content of the signed pages, and the pages' own text."""

    held: ListValidity | None = None
    floor: datetime | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    administrators: tuple[Administrator, ...] = ()
    leavers: frozenset[str] = frozenset()
    found: tuple[FoundAnswer, ...] = ()


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class OrderBook:
    """The orders that this station may hand over, to whom, and the administrators who may attend."""

    def __init__(
        self,
        identity: Identity,
        store: StationStore,
        link: Asker,
        clock: Callable[[], datetime] = _wall_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`store` was opened with `SCHEMA` among its schemas. `clock` gives aware times. Raises IdentityError, StoreError."""
        self._words = AnswerVerifier(identity)
        self._cipher = station_cipher(identity)
        self._store = store
        self._link = link
        self._clock = clock
        self._monotonic = monotonic
        self._fetched: float | None = None
        """When the list came, by the monotonic clock; None where it was read from the disk."""
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self.dropped: tuple[str, ...] = ()
        """What was kept and could not be believed when it was read: `list`, `found`, `floor`."""
        self._lists = store.transact_now(self._read)

    def find(self, hsa_id: str, today: date) -> Order | None:
        """The order to hand over first: still valid, not collected here, from a list that is valid now."""
        theirs = (order for order in self.waiting(today) if order.hsa_id == hsa_id)
        return min(theirs, key=lambda their: (their.last_day, their.order), default=None)

    def order(self, order: str) -> Order | None:
        """An order by its number, whether or not it can still be handed over."""
        return self._lists.orders.get(order)

    def past(self, hsa_id: str, today: date, card_number: str = "") -> Order | None:
        """The newest order of that person (where a number is given: of that card) whose last day is over, not collected here."""
        over = [
            order for order in self._offered()
            if order.hsa_id == hsa_id and order.last_day < today.isoformat() and card_number in ("", order.card_number)
        ]  # fmt: skip
        return max(over, key=lambda order: order.last_day, default=None)

    def waiting(self, today: date) -> tuple[Order, ...]:
        """All orders that can be handed over today, by number, from a list that is valid now."""
        if not self.is_fresh(self._clock()):
            return ()
        return tuple(order for order in self._offered() if order.last_day >= today.isoformat())

    def owed(self) -> tuple[Order, ...]:
        """All whose holder has the card and is still to sign the receipt, by number, from a list that is valid now."""
        return tuple(self._offered(owed=True)) if self.is_fresh(self._clock()) else ()

    def administrators(self) -> tuple[Administrator, ...]:
        """Return the administrators who may attend at this station, sorted by HSA-id."""
        return self._lists.administrators

    @property
    def leavers(self) -> frozenset[str]:
        """The digests on the newest list (`fleet.messages.leavers`), however old it is."""
        return self._lists.leavers

    def pending_hand_over(self, card_number: str) -> Delivery | None:
        """Return how that card is still to be handed over to its holder, by a list that is valid now; None where it is not."""
        if not self.is_fresh(self._clock()):
            return None
        listed = (way for way in get_args(Delivery) if hand_over_digest(card_number, way) in self._lists.leavers)
        return next(listed, None)

    @property
    def issued(self) -> datetime | None:
        """The server's time of the newest list that was held: a floor for the station's own clock. None before the first."""
        return self._lists.floor

    def is_fresh(self, now: datetime) -> bool:
        """Return whether something may be offered from the list that is held. A clock behind `issued` counts as `issued`."""
        validity = self._lists.held
        return validity is not None and max(now, validity.issued) <= validity.not_after

    def is_recent(self, within: timedelta) -> bool:
        """Return whether the list is no older than `within`. By the monotonic clock where it came since the start: nobody sets
        that one. Else by the trusted time, and only where that runs: one that stands at its floor does not say how long ago
        the list was made."""
        validity = self._lists.held
        if validity is None or self._fetched is not None:
            return validity is not None and self._monotonic() - (self._fetched or 0.0) <= within.total_seconds()
        return validity.issued < self._clock() <= validity.issued + within

    def mark_collected(self, cx: sqlite3.Connection, order: str) -> None:
        """Never offer this order again. Call it in the transaction that keeps the outcome of the hand-over."""
        cx.execute("INSERT OR IGNORE INTO sync_collected VALUES (?)", (order,))

    async def offered_online(self, hsa_id: str, timeout_s: float = 10.0) -> tuple[Order, ...]:
        """Ask the server for orders newer than the last list; those whose receipt is owed come first.

        Raises LinkDown, AskTimeout, SyncRefused, StoreError.
        What it says of this person replaces what was held of them; a whole new list is fetched behind it.
        """
        answer = await self._link.ask(OrderAsk(hsa_id=hsa_id), timeout_s=timeout_s)
        page = self._words.opened(answer, ORDER_TYP, SyncPage)
        async with self._writing:
            self._check_times(page, self._lists.floor)
            lists = _with_answer(self._lists, FoundAnswer(hsa_id, answer.jws or ""), page)
            await self._store.transact(lambda cx: self._keep(cx, "found", msgspec.json.encode(lists.found)))
            self._lists = lists
        self._wake.set()
        today = max(self._clock(), _time(page.issued)).date().isoformat()
        open_now = (order for order in self._offered() if order.last_day >= today)
        theirs = [order for order in (*self._offered(owed=True), *open_now) if order.hsa_id == hsa_id]
        return tuple(sorted(theirs, key=lambda order: (not order.receipt_owed, order.last_day, order.order)))

    async def refresh(self, timeout_s: float = 10.0) -> None:
        """Fetch the whole list, page by page, and put it in place of the one held.

        Raises LinkDown, AskTimeout, SyncRefused (then the old list stays), StoreError.
        """
        floor = self._lists.floor
        texts: list[str] = []
        cursor: str | None = None
        begun = self._monotonic()
        while not texts or cursor is not None:
            if len(texts) == MAX_PAGES:
                raise SyncRefused("too_long", f"the list has more than {MAX_PAGES} pages")
            answer = await self._link.ask(SyncAsk(cursor, leavers=True), timeout_s=timeout_s)
            page = self._words.opened(answer, SYNC_TYP, SyncPage)
            self._check_times(page, floor)
            floor = _time(page.issued) if not texts else floor
            texts.append(answer.jws or "")
            cursor = page.next
        async with self._writing:
            lists = self._from_pages(texts, self._lists.floor)
            await self._store.transact(lambda cx: self._replace(cx, texts, lists))
            self._lists, self._fetched = lists, begun

    def ask_soon(self) -> None:
        """Ask at once, and not only when the time has come."""
        self._wake.set()

    async def run(self, every_s: float = EVERY_S) -> None:
        """Keep the list fresh until cancelled: on each connect, every `every_s` seconds, after `offered_online`."""
        await keep_fresh(self._link, self._wake, self.refresh, "the list", every_s=every_s)

    def _offered(self, *, owed: bool = False) -> list[Order]:
        """Orders that were not collected here, by number: those that wait, or those whose receipt is owed."""
        collected = self._store.transact_now(
            lambda cx: {row[0] for row in cx.execute("SELECT id FROM sync_collected").fetchall()}
        )
        return [
            order
            for name, order in sorted(self._lists.orders.items())
            if name not in collected and order.receipt_owed is owed
        ]

    def _check_times(self, page: SyncPage, floor: datetime | None) -> None:
        issued, not_after = _time(page.issued), _time(page.not_after)
        if floor is not None and issued < floor:
            raise SyncRefused("replayed", "the list is older than the one that is held")
        if max(self._clock(), issued) > not_after:
            raise SyncRefused("expired", "the list is past its time")

    def _from_pages(self, texts: Sequence[str], floor: datetime | None) -> _Lists:
        """Read the pages of one list. Raises SyncRefused: not signed for this station, not whole, or older than `floor`."""
        pages = [self._words.opened(Answer(ok=True, jws=text), SYNC_TYP, SyncPage) for text in texts]
        if not pages or [page.next is None for page in pages] != [False] * (len(pages) - 1) + [True]:
            raise SyncRefused("malformed", "the list is not whole")
        validity = ListValidity(_time(pages[0].issued), min(_time(page.not_after) for page in pages))
        if floor is not None and validity.issued < floor:
            raise SyncRefused("replayed", "the list is older than one that was held")
        people = {administrator.hsa_id: administrator for page in pages for administrator in page.administrators}
        return _Lists(
            validity,
            validity.issued,
            {order.order: order for page in pages for order in page.orders},
            tuple(people[hsa_id] for hsa_id in sorted(people)),
            frozenset(digest for page in pages for digest in page.leavers),
        )

    def _read(self, cx: sqlite3.Connection) -> _Lists:
        """Read and verify the lists that are kept. One that cannot be believed is dropped."""
        lists = _Lists()
        for kind, read in (("floor", self._read_floor), ("list", self._read_list), ("found", self._read_found)):
            row = cx.execute("SELECT content FROM sync_sealed WHERE kind = ?", (kind,)).fetchone()
            if row is None:
                continue
            try:
                lists = read(self._cipher.decrypt(kind, row[0]), lists)
            except (UnreadableError, SyncRefused, msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.error("what was kept of the server's lists (%s) is dropped, and fetched again: %s", kind, error)
                cx.execute("DELETE FROM sync_sealed WHERE kind = ?", (kind,))
                self.dropped += (kind,)
        return lists

    def _read_floor(self, content: bytes, lists: _Lists) -> _Lists:
        return replace(lists, floor=_time(content.decode("utf-8")))

    def _read_list(self, content: bytes, lists: _Lists) -> _Lists:
        return self._from_pages(msgspec.json.decode(content, type=tuple[str, ...]), lists.floor)

    def _read_found(self, content: bytes, lists: _Lists) -> _Lists:
        for answer in msgspec.json.decode(content, type=tuple[FoundAnswer, ...]):
            page = self._words.opened(Answer(ok=True, jws=answer.jws), ORDER_TYP, SyncPage)
            if lists.floor is not None and _time(page.issued) < lists.floor:
                raise SyncRefused("replayed", "an answer is older than the list")
            lists = _with_answer(lists, answer, page)
        return lists

    def _replace(self, cx: sqlite3.Connection, texts: Sequence[str], lists: _Lists) -> None:
        cx.execute("DELETE FROM sync_sealed")
        self._keep(cx, "list", msgspec.json.encode(texts))
        if lists.floor is not None:
            self._keep(cx, "floor", lists.floor.isoformat().encode())

    def _keep(self, cx: sqlite3.Connection, kind: str, content: bytes) -> None:
        cx.execute("INSERT OR REPLACE INTO sync_sealed VALUES (?, ?)", (kind, self._cipher.encrypt(kind, content)))


def _with_answer(lists: _Lists, answer: FoundAnswer, page: SyncPage) -> _Lists:
    """The lists, with what the server says of one person in place of what they said."""
    others = {name: order for name, order in lists.orders.items() if order.hsa_id != answer.hsa_id}
    theirs = {order.order: order for order in page.orders if order.hsa_id == answer.hsa_id}
    earlier = tuple(found_answer for found_answer in lists.found if found_answer.hsa_id != answer.hsa_id)
    return replace(lists, orders=others | theirs, found=(*earlier, answer))


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SyncRefused("malformed", "a time of the list is not RFC 3339") from None
    if time.tzinfo is None:
        raise SyncRefused("malformed", "a time of the list names no zone")
    return time
