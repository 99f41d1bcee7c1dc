"""Stock repository: the list of cards in slots and in the bin, in the one file that holds the journal.

Rules: the list changes in the transaction of the event that changed it (`apply_event`), so one is never true without the other;
what the office says of slots (the synced orders) is taken in when the list is looked at, and never undoes what was done here
since. At the first start the list is made of the events that are still kept.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from fleet.messages.events import Event
from fleet.messages.link import Order
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.stock.stocktaking import Ledger, StoredCard

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS stock_card (
    id INTEGER PRIMARY KEY, card_number TEXT NOT NULL, order_no TEXT NOT NULL, slot INTEGER, gone TEXT NOT NULL,
    told INTEGER NOT NULL, last INTEGER NOT NULL, product TEXT NOT NULL, last_day TEXT NOT NULL, since TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS stock_slot ON stock_card (slot) WHERE slot IS NOT NULL;
CREATE INDEX IF NOT EXISTS stock_order ON stock_card (order_no);
CREATE TABLE IF NOT EXISTS bin_card (id INTEGER PRIMARY KEY, card_number TEXT NOT NULL, dropped TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS bin_by_number (card_number TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS bin_found (card_number TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS stock_quarantine (slot INTEGER PRIMARY KEY, since TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS stock_by (
    card_number TEXT PRIMARY KEY, first TEXT NOT NULL, second TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS stock_keyless (one INTEGER PRIMARY KEY CHECK (one = 1), since TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS stock_made (one INTEGER PRIMARY KEY CHECK (one = 1), time TEXT NOT NULL) STRICT;
"""

_LAST_OPENINGS = """
SELECT json_extract(facts, '$.slot'), outcome = 'opened' FROM effect WHERE id IN (
    SELECT max(id) FROM effect
    WHERE name IN ('slot.open', 'slot.reopen') AND (outcome = 'opened' OR json_extract(facts, '$.fault') = 'jammed')
    GROUP BY json_extract(facts, '$.slot')
)
"""
"""Each slot, and whether it opened, the last time that it did or jammed."""
# slot: NULL when it is not in the cabinet, and `gone` says why. told: what the office last gave. last: where it lay last.

HANDED = "handed"
"""Why a card is gone: its holder took it."""


class Transactor(Protocol):
    """The part of the journal that is needed."""

    def now(self) -> str: ...
    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


class StationStock:
    """Implements `kiosk.stock.stocktaking.Stock`."""

    def __init__(self, journal: Transactor, here: Callable[[], Awaitable[tuple[Order, ...] | None]]) -> None:
        """`here` gives the orders of this station that are open, or None while their list is too old."""
        self._journal = journal
        self._here = here

    async def look(self) -> Ledger:
        here = await self._here()

        def work(cx: sqlite3.Connection) -> Ledger:
            adopt_office_slots(cx, here or (), self._journal.now())
            return Ledger(_lying(cx), here, _broken(cx), _quarantined(cx), _keyless(cx))

        return await self._journal.transact(work)

    async def stocked_by(self, card_number: str) -> tuple[str, ...]:
        rows = await self._journal.transact(
            lambda cx: cx.execute("SELECT first, second FROM stock_by WHERE card_number = ?", (card_number,)).fetchall()
        )
        return tuple(hsa_id for row in rows for hsa_id in row if hsa_id)

    async def binned(self) -> tuple[str, ...]:
        return await self._numbers("SELECT card_number FROM bin_card ORDER BY id")

    async def returned_by_number(self) -> tuple[str, ...]:
        return await self._numbers("SELECT card_number FROM bin_by_number ORDER BY card_number")

    async def found_in_bin(self) -> tuple[str, ...]:
        return await self._numbers("SELECT card_number FROM bin_found ORDER BY card_number")

    async def _numbers(self, query: str) -> tuple[str, ...]:
        rows = await self._journal.transact(lambda cx: cx.execute(query).fetchall())
        return tuple(row[0] for row in rows)


def locate_orders(cx: sqlite3.Connection, orders: Sequence[Order], now: str) -> tuple[Order, ...]:
    """The orders among these whose card lies here, or was just taken out by its holder, each with the slot where it is."""
    adopt_office_slots(cx, orders, now)
    where = {
        order: slot or last
        for order, slot, last, gone in cx.execute(
            "SELECT order_no, slot, last, gone FROM stock_card WHERE order_no <> ''"
        )
        if slot or gone == HANDED
    }
    return tuple(msgspec.structs.replace(order, slot=where[order.order]) for order in orders if order.order in where)


def adopt_office_slots(cx: sqlite3.Connection, orders: Iterable[Order], now: str) -> None:
    """Take in the slots that the office gave: of cards that this station has never moved, or newly given since."""
    for order in orders:
        row = cx.execute("SELECT id, told, last FROM stock_card WHERE order_no = ?", (order.order,)).fetchone()
        if row is None and order.slot and _is_free(cx, order.slot):
            cx.execute(
                "INSERT INTO stock_card (card_number, order_no, slot, gone, told, last, product, last_day, since)"
                " VALUES (?, ?, ?, '', ?, ?, ?, ?, ?)",
                (
                    order.card_number,
                    order.order,
                    order.slot,
                    order.slot,
                    order.slot,
                    order.product,
                    order.last_day,
                    now[:10],
                ),
            )
        elif row is not None and order.slot != row[1]:
            cx.execute("UPDATE stock_card SET told = ? WHERE id = ?", (order.slot, row[0]))
            if order.slot and order.slot != row[2] and _is_free(cx, order.slot):
                cx.execute(
                    "UPDATE stock_card SET slot = ?, last = ?, gone = '' WHERE id = ?", (order.slot, order.slot, row[0])
                )
        cx.execute(
            "UPDATE stock_card SET card_number = ?, product = ?, last_day = ? WHERE order_no = ?",
            (order.card_number, order.product, order.last_day, order.order),
        )


def apply_event(cx: sqlite3.Connection, kind: str, content: dict[str, Any], now: str) -> None:
    """Apply an event to the list, in the event's own transaction."""
    match kind:
        case EventType.CARD_STORED:
            _stored(cx, content["card_number"], content.get("order", ""), content["slot"], now)
            people = (content["card_number"], content["by"], content.get("second", ""))
            cx.execute("INSERT OR REPLACE INTO stock_by VALUES (?, ?, ?)", people)
        case EventType.CARD_TAKEN_OUT:
            _out_of(cx, content["slot"], content["why"])
            cx.execute("DELETE FROM stock_quarantine WHERE slot = ?", (content["slot"],))
        case EventType.BIN_EMPTIED:
            cx.execute("DELETE FROM bin_card")
            cx.execute("DELETE FROM bin_by_number")
            cx.execute("DELETE FROM bin_found")
        case EventType.EFFECT_DONE:
            _effect(cx, content, now)


def rebuild(cx: sqlite3.Connection, now: str, kept: Callable[[sqlite3.Connection], Iterable[Event]]) -> None:
    """Make the list of the events that are still `kept`, where it has never been made. Call it before anything is witnessed."""
    if cx.execute("SELECT 1 FROM stock_made").fetchone():
        return
    cx.execute("INSERT INTO stock_made VALUES (1, ?)", (now,))
    for event in kept(cx):
        apply_event(cx, event.type, event.content(), event.time)


def _effect(cx: sqlite3.Connection, content: dict[str, Any], now: str) -> None:
    match content["effect"], content.get("outcome"):
        case Effect.SLOT_TAKE, Outcome.TAKEN:
            _left(cx, content.get("order", ""), content.get("slot", 0), HANDED)
        case Effect.SLOT_TAKE, Outcome.GONE:
            _left(cx, content.get("order", ""), content.get("slot", 0), "misplaced")
        case (
            Effect.SLOT_RETURN,
            Outcome.WRONG_CARD
            | Outcome.NOT_GENUINE
            | Outcome.NOT_VOUCHED
            | Outcome.READ_ONLY
            | Outcome.NOT_TESTED
            | Outcome.FORMER_NAME as why,
        ):
            _left(cx, content.get("order", ""), content.get("slot", 0), "misplaced")
            _stored(cx, "", "", content.get("slot", 0), now)
            if why == Outcome.NOT_GENUINE:
                cx.execute("INSERT OR REPLACE INTO stock_quarantine VALUES (?, ?)", (content.get("slot", 0), now))
            if why == Outcome.NOT_VOUCHED:
                cx.execute("INSERT OR IGNORE INTO stock_keyless VALUES (1, ?)", (now,))
        case Effect.DROP_CARD, Outcome.DROPPED:
            number = content.get("old_card", "")
            cx.execute("INSERT INTO bin_card (card_number, dropped) VALUES (?, ?)", (number, now))
            if content.get("by_number"):
                cx.execute("INSERT OR IGNORE INTO bin_by_number VALUES (?)", (number,))
            if content.get("found"):
                cx.execute("INSERT OR IGNORE INTO bin_found VALUES (?)", (number,))


def _stored(cx: sqlite3.Connection, number: str, order: str, slot: int, now: str) -> None:
    _out_of(cx, slot, "moved")
    changed = cx.execute(
        "UPDATE stock_card SET slot = ?1, last = ?1, gone = '', since = ?2"
        " WHERE (order_no <> '' AND order_no = ?3) OR (?3 = '' AND order_no = '' AND card_number <> '' AND card_number = ?4)",
        (slot, now[:10], order, number),
    ).rowcount
    if not changed:
        _insert(cx, number, order, slot, now)


def _left(cx: sqlite3.Connection, order: str, slot: int, why: str) -> None:
    """The card of an order is out of its slot, whether or not the list knew it."""
    if not cx.execute("UPDATE stock_card SET slot = NULL, gone = ? WHERE order_no = ?", (why, order)).rowcount:
        _out_of(cx, slot, why)
        _insert(cx, "", order, None, "", why, slot)


def _out_of(cx: sqlite3.Connection, slot: int, why: str) -> None:
    """Write down that what lay in the slot is out. A card that nobody knew is forgotten."""
    cx.execute("UPDATE stock_card SET slot = NULL, gone = ? WHERE slot = ?", (why, slot))
    cx.execute("DELETE FROM stock_card WHERE slot IS NULL AND card_number = '' AND order_no = ''")


def _insert(
    cx: sqlite3.Connection, number: str, order: str, slot: int | None, now: str, gone: str = "", last: int = 0
) -> None:
    cx.execute(
        "INSERT INTO stock_card (card_number, order_no, slot, gone, told, last, product, last_day, since)"
        " VALUES (?, ?, ?, ?, 0, ?, '', '', ?)",
        (number, order, slot, gone, slot or last, now[:10]),
    )


def _is_free(cx: sqlite3.Connection, slot: int) -> bool:
    return cx.execute("SELECT 1 FROM stock_card WHERE slot = ?", (slot,)).fetchone() is None


def _broken(cx: sqlite3.Connection) -> frozenset[int]:
    """Slots that jammed when they were last opened, by the journal's effects."""
    return frozenset(slot for slot, opened in cx.execute(_LAST_OPENINGS) if not opened)


def _quarantined(cx: sqlite3.Connection) -> frozenset[int]:
    return frozenset(slot for (slot,) in cx.execute("SELECT slot FROM stock_quarantine"))


def _keyless(cx: sqlite3.Connection) -> bool:
    return cx.execute("SELECT 1 FROM stock_keyless").fetchone() is not None


def _lying(cx: sqlite3.Connection) -> tuple[StoredCard, ...]:
    rows = cx.execute(
        "SELECT slot, card_number, order_no, product, last_day, since FROM stock_card WHERE slot IS NOT NULL ORDER BY slot"
    )
    return tuple(StoredCard(*row) for row in rows)
