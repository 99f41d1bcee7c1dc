"""Watch for orders imported by other processes: pages are told when they have changed."""

import asyncio
import logging

from fleet.server.database.database import READ_FAULTS
from fleet.server.live_feed.topics import Changes, Topic
from fleet.server.readings.queries import StoreReadings

EVERY_S = 1.0

_log = logging.getLogger(__name__)


async def watch_orders(readings: StoreReadings, changes: Changes) -> None:
    """Imports are made by other processes: look once a second whether orders have changed."""
    before = None
    while True:
        try:
            now = await asyncio.to_thread(readings.orders_version)
        except READ_FAULTS as error:
            _log.error("orders cannot be read: %s", type(error).__name__)
        else:
            if now != before:
                changes.publish(frozenset({Topic.ORDERS}))
            before = now
        await asyncio.sleep(EVERY_S)
