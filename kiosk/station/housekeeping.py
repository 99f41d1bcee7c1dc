"""Housekeeping of the station's file: hourly a checkpoint of its chain, and deletion of what has expired; once the file takes
writes again after it did not, what it did not take.

Rules: an errand is forgotten 400 days after its end, as the fleet forgets those that hand nothing over; its events are not
touched: the outbox keeps them until the server holds them, and 30 days more. Of a slot's openings only the slot is kept, which
says whether it jammed. How late it is, only the server's signed time says here: a clock that runs ahead makes nobody forget. A
file that cannot be written is tried again an hour later.
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from fleet.agent.store import StoreError
from fleet.messages.vocabulary import Effect
from kiosk.ports import Clock
from kiosk.station.journal import Journal

EVERY_S = 3600.0
SETTLE_EVERY_S = 10.0
KEPT = timedelta(days=400)
_OF_SLOTS = (Effect.SLOT_OPEN, Effect.SLOT_REOPEN)

log = logging.getLogger(__name__)


async def run_housekeeping(journal: Journal, clock: Clock, signed: Callable[[], datetime | None]) -> None:
    """Until cancelled. `signed` is the newest time that the server has signed."""
    while True:
        await clock.sleep(EVERY_S)
        try:
            await journal.transact(journal.checkpoint)
            if (late := signed()) is not None:
                await journal.transact(partial(delete_expired, now=late))
        except StoreError as error:
            log.error("the station's file cannot be looked after: %s", error)


async def run_settling(
    journal: Journal, clock: Clock, is_refused: Callable[[], bool], takes_again: Callable[[], None]
) -> None:
    """Until cancelled. Nobody restarts a station because its disk was full for a while: a block that was pledged, and the next
    person, would wait for that. `is_refused`: whether the station offers nothing since its file took nothing."""
    while True:
        await clock.sleep(SETTLE_EVERY_S)
        if not journal.is_owing and not is_refused():
            continue
        try:
            await journal.settle()
            await journal.prove_writable()
        except StoreError as error:
            log.debug("the station's file takes nothing yet: %s", error)
        else:
            log.warning("the station's file takes writes again")
            takes_again()


def delete_expired(cx: sqlite3.Connection, now: datetime) -> int:
    """Drop what is known of errands that ended too long ago, inside the caller's transaction. Gives how many receipts went too.

    `now` is aware.
    """
    before = (now - KEPT).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    old = "SELECT id FROM errand WHERE ended < ?"
    cx.execute(f"DELETE FROM effect WHERE errand IN ({old}) AND name NOT IN (?, ?)", (before, *_OF_SLOTS))  # noqa: S608
    cx.execute(f"UPDATE effect SET order_no = NULL WHERE errand IN ({old})", (before,))  # noqa: S608
    gone = "UPDATE errand SET order_no = NULL, hsa_id = NULL, order_content = NULL, card_number = NULL WHERE ended < ?"
    cx.execute(gone, (before,))
    empty = "NOT EXISTS (SELECT 1 FROM effect WHERE effect.errand = errand.id)"
    cx.execute(f"DELETE FROM errand WHERE ended < ? AND {empty}", (before,))  # noqa: S608
    return cx.execute("DELETE FROM receipt WHERE issued < ?", (before,)).rowcount
