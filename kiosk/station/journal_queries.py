"""Journal queries of an administrator: receipts that never came onto paper, hand-overs without a signature, and what
happened last.

Nothing that is told here names a person.
"""

import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime

from fleet.agent import outbox
from fleet.messages.events import Event
from fleet.messages.vocabulary import short_type
from kiosk.administration_ports import EventOverview
from kiosk.receipts import Receipt, read_receipt
from kiosk.station.journal import Journal
from kiosk.steps.view_helpers import time_text

MOST = 40

_UNPRINTED = """
SELECT r.document, r.qr FROM receipt r
WHERE EXISTS (SELECT 1 FROM effect e WHERE e.name = 'receipt.print' AND json_extract(e.facts, '$.receipt') = r.number)
AND NOT EXISTS (
    SELECT 1 FROM effect e JOIN effect s ON s.errand = e.errand AND s.name = e.name AND s.id >= e.id
    WHERE e.name = 'receipt.print' AND json_extract(e.facts, '$.receipt') = r.number AND s.outcome = 'printed'
    AND (s.id = e.id OR json_extract(s.facts, '$.receipt') IS NULL)
) ORDER BY r.issued DESC LIMIT ?
"""
_UNSIGNED = """
SELECT DISTINCT order_no FROM effect
WHERE name IN ('card.unblock', 'card.change') AND outcome IN ('accepted', 'written') AND order_no IS NOT NULL AND concluded > ?
AND order_no NOT IN (SELECT order_no FROM receipt WHERE order_no IS NOT NULL)
"""
_SIGNED = "SELECT order_no FROM receipt WHERE order_no IS NOT NULL"


async def unprinted(journal: Journal) -> tuple[Receipt, ...]:
    """Receipts whose print was begun and never seen whole, the newest first. Raises StoreError."""
    rows = await journal.transact(lambda cx: cx.execute(_UNPRINTED, (MOST,)).fetchall())
    return tuple(read_receipt(document, qr) for document, qr in rows)


async def unsigned(journal: Journal, owed: Collection[str], as_of: datetime | None) -> int:
    """Count the orders that have a card with its code set, and no receipt: their holders sign another day. Raises StoreError.

    The server's list (`owed`, made at `as_of`) counts: a receipt may have been signed at another station, and a station whose
    store is new knows nothing of the cards that it handed out before. The journal counts for what came since, and for all of it
    where there is no list.
    """
    since = "" if as_of is None else as_of.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def work(cx: sqlite3.Connection) -> int:
        signed = {row[0] for row in cx.execute(_SIGNED)}
        return len({row[0] for row in cx.execute(_UNSIGNED, (since,))} | set(owed) - signed)

    return await journal.transact(work)


async def last_events(journal: Journal) -> tuple[EventOverview, ...]:
    """Return the last events, the newest first. Raises StoreError."""

    def work(cx: sqlite3.Connection) -> list[Event]:
        return outbox.newest_events(cx, MOST)

    return tuple(_overview_of(event) for event in await journal.transact(work))


def _overview_of(event: Event) -> EventOverview:
    """Type, effect or errand, outcome and slot: codes, and nothing else of what the event holds."""
    content = event.content()
    effect, errand, outcome = (str(content.get(key, "")) for key in ("effect", "kind", "outcome"))
    slot = content.get("slot")
    when = datetime.fromisoformat(event.time).astimezone()
    kind = short_type(event.type)
    return EventOverview(time_text(when), kind, effect, errand, outcome, slot if isinstance(slot, int) else None)
