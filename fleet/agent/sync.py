"""The orders and administrators that the server gave this station, signed, so that a hand-over needs no connection.

A list comes by paged questions. Each page is a compact JWS (RFC 7515) under the server key pinned at enrolment, ES256
and of its own `typ`, for this station by name, not expired, and not issued before what is already held: a forged,
replayed or expired list, or another station's, is refused whole. A list replaces the one before in one transaction,
once its last page is in.

Orders that were collected here are never offered again, even while the server does not know yet.

>>> book = OrderBook(identity, store, link)    # doctest: +SKIP
>>> book.find("TEST000000-0001", date(2026, 1, 1))    # doctest: +SKIP
Order(order='A1', ...)
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec

from fleet.agent.identity import Identity
from fleet.agent.keeping import Asker, keep_fresh
from fleet.agent.store import StationStore
from fleet.agent.words import SyncRefused, Words
from fleet.messages.asking import ORDER_TYP, SYNC_TYP
from fleet.messages.link import (
    Administrator,
    Order,
    OrderAsk,
    SyncAsk,
    SyncPage,
)

log = logging.getLogger(__name__)

MAX_PAGES = 500
EVERY_S = 600.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS sync_list (
    one INTEGER PRIMARY KEY CHECK (one = 1), issued TEXT NOT NULL, not_after TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sync_order (
    id TEXT PRIMARY KEY, hsa_id TEXT NOT NULL, last_day TEXT NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS sync_order_holder ON sync_order (hsa_id, last_day);
CREATE TABLE IF NOT EXISTS sync_administrator (hsa_id TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sync_collected (id TEXT PRIMARY KEY) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The times of the list that is held: made at `issued`, not to be used past `not_after`."""

    issued: datetime
    not_after: datetime


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class OrderBook:
    """What this station may hand over, to whom, and who may attend."""

    def __init__(
        self, identity: Identity, store: StationStore, link: Asker, clock: Callable[[], datetime] = _wall_clock
    ) -> None:
        """`store` was opened with `SCHEMA` among its schemas. `clock` gives aware times."""
        self._words = Words(identity)
        self._store = store
        self._link = link
        self._clock = clock
        self._wake = asyncio.Event()

    def find(self, hsa_id: str, today: date) -> Order | None:
        """The order to hand over first: still valid, not collected here, from a list that is valid today."""

        def work(cx: sqlite3.Connection) -> Order | None:
            held = _held(cx)
            if held is None or today > held.not_after.date():
                return None
            row = cx.execute(
                "SELECT content FROM sync_order WHERE hsa_id = ? AND last_day >= ?"
                " AND id NOT IN (SELECT id FROM sync_collected) ORDER BY last_day, id LIMIT 1",
                (hsa_id, today.isoformat()),
            ).fetchone()
            return None if row is None else msgspec.json.decode(row[0], type=Order)

        return self._store.transact_now(work)

    def order(self, order: str) -> Order | None:
        """An order by its number, whether or not it can still be handed over."""

        def work(cx: sqlite3.Connection) -> Order | None:
            row = cx.execute("SELECT content FROM sync_order WHERE id = ?", (order,)).fetchone()
            return None if row is None else msgspec.json.decode(row[0], type=Order)

        return self._store.transact_now(work)

    def past(self, hsa_id: str, today: date) -> Order | None:
        """The newest order of that person whose last day is over, not collected here."""

        def work(cx: sqlite3.Connection) -> Order | None:
            row = cx.execute(
                "SELECT content FROM sync_order WHERE hsa_id = ? AND last_day < ?"
                " AND id NOT IN (SELECT id FROM sync_collected) ORDER BY last_day DESC LIMIT 1",
                (hsa_id, today.isoformat()),
            ).fetchone()
            return None if row is None else msgspec.json.decode(row[0], type=Order)

        return self._store.transact_now(work)

    def waiting(self, today: date) -> tuple[Order, ...]:
        """All orders that can be handed over today, by number."""

        def work(cx: sqlite3.Connection) -> tuple[Order, ...]:
            held = _held(cx)
            if held is None or today > held.not_after.date():
                return ()
            rows = cx.execute(
                "SELECT content FROM sync_order WHERE last_day >= ? AND id NOT IN (SELECT id FROM sync_collected)"
                " ORDER BY id",
                (today.isoformat(),),
            )
            return tuple(msgspec.json.decode(row[0], type=Order) for row in rows)

        return self._store.transact_now(work)

    def administrators(self) -> tuple[Administrator, ...]:
        """Who may attend at this station, by HSA-id."""

        def work(cx: sqlite3.Connection) -> tuple[Administrator, ...]:
            rows = cx.execute("SELECT content FROM sync_administrator ORDER BY hsa_id")
            return tuple(msgspec.json.decode(row[0], type=Administrator) for row in rows)

        return self._store.transact_now(work)

    @property
    def issued(self) -> datetime | None:
        """The server's time of the list that is held: a floor for the station's own clock. None before the first."""
        held = self._store.transact_now(_held)
        return None if held is None else held.issued

    def is_fresh(self, now: datetime) -> bool:
        """Whether something may be offered from the list that is held. A clock behind `issued` counts as `issued`."""
        held = self._store.transact_now(_held)
        return held is not None and max(now, held.issued) <= held.not_after

    def mark_collected(self, cx: sqlite3.Connection, order: str) -> None:
        """Never offer this order again. Call it in the transaction that keeps the outcome of the hand-over."""
        cx.execute("INSERT OR IGNORE INTO sync_collected VALUES (?)", (order,))

    async def find_online(self, hsa_id: str, timeout_s: float = 10.0) -> Order | None:
        """Ask the server for an order newer than the last list. Raises LinkDown, AskTimeout, SyncRefused, StoreError.

        What it says of this person replaces what was held of them; a whole new list is fetched behind it.
        """
        answer = await self._link.ask(OrderAsk(hsa_id=hsa_id), timeout_s=timeout_s)
        page = self._words.opened(answer, ORDER_TYP, SyncPage)
        held = await self._store.transact(_held)
        self._check_times(page, held)
        found = sorted((one for one in page.orders if one.hsa_id == hsa_id), key=lambda one: (one.last_day, one.order))
        today = max(self._clock(), _time(page.issued)).date().isoformat()

        def work(cx: sqlite3.Connection) -> Order | None:
            cx.execute("DELETE FROM sync_order WHERE hsa_id = ?", (hsa_id,))
            _keep_orders(cx, found)
            collected = {row[0] for row in cx.execute("SELECT id FROM sync_collected")}
            return next((one for one in found if one.order not in collected and one.last_day >= today), None)

        offered = await self._store.transact(work)
        self._wake.set()
        return offered

    async def refresh(self, timeout_s: float = 10.0) -> None:
        """Fetch the whole list, page by page, and put it in place of the one held.

        Raises LinkDown, AskTimeout, SyncRefused (then the old list stays), StoreError.
        """
        floor = await self._store.transact(_held)
        pages: list[SyncPage] = []
        cursor: str | None = None
        while not pages or cursor is not None:
            if len(pages) == MAX_PAGES:
                raise SyncRefused("too_long", f"the list has more than {MAX_PAGES} pages")
            answer = await self._link.ask(SyncAsk(cursor=cursor), timeout_s=timeout_s)
            page = self._words.opened(answer, SYNC_TYP, SyncPage)
            self._check_times(page, floor)
            if floor is None or not pages:
                floor = Held(_time(page.issued), _time(page.not_after))
            pages.append(page)
            cursor = page.next
        await self._store.transact(lambda cx: _replace(cx, pages))

    async def run(self, every_s: float = EVERY_S) -> None:
        """Keep the list fresh until cancelled: on each connect, every `every_s` seconds, after `find_online`."""
        await keep_fresh(self._link, self._wake, self.refresh, "the list", every_s=every_s)

    def _check_times(self, page: SyncPage, floor: Held | None) -> None:
        issued, not_after = _time(page.issued), _time(page.not_after)
        if floor is not None and issued < floor.issued:
            raise SyncRefused("replayed", "the list is older than the one that is held")
        if max(self._clock(), issued) > not_after:
            raise SyncRefused("expired", "the list is past its time")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SyncRefused("malformed", "a time of the list is not RFC 3339") from None
    if time.tzinfo is None:
        raise SyncRefused("malformed", "a time of the list names no zone")
    return time


def _held(cx: sqlite3.Connection) -> Held | None:
    row = cx.execute("SELECT issued, not_after FROM sync_list").fetchone()
    return None if row is None else Held(_time(row[0]), _time(row[1]))


def _replace(cx: sqlite3.Connection, pages: list[SyncPage]) -> None:
    first = pages[0]
    not_after = min((page.not_after for page in pages), key=_time)
    cx.execute("DELETE FROM sync_order")
    cx.execute("DELETE FROM sync_administrator")
    cx.execute("INSERT OR REPLACE INTO sync_list VALUES (1, ?, ?)", (first.issued, not_after))
    for page in pages:
        _keep_orders(cx, page.orders)
        cx.executemany(
            "INSERT OR REPLACE INTO sync_administrator VALUES (?, ?)",
            [(one.hsa_id, msgspec.json.encode(one)) for one in page.administrators],
        )


def _keep_orders(cx: sqlite3.Connection, orders: list[Order] | tuple[Order, ...]) -> None:
    cx.executemany(
        "INSERT OR REPLACE INTO sync_order VALUES (?, ?, ?, ?)",
        [(one.order, one.hsa_id, one.last_day, msgspec.json.encode(one)) for one in orders],
    )
