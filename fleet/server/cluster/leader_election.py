"""Leader election: what is done once for all processes of a cluster, such as judging alerts, is done by the leader.

Rules: who leads holds an advisory lock of PostgreSQL; where its session ends, its jobs are ended and another process takes
over within seconds. For one look (`check_s`) both may work: what a job does for good has a durable key of its own.
With SQLite there is one process, and it leads.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from sqlalchemy.exc import DBAPIError

from fleet.server.database.database import Database
from fleet.server.database.notify import Leadership

CHECK_S = 2.0

_log = logging.getLogger(__name__)

Job = Callable[[], Coroutine[None, None, None]]
"""Runs until it is cancelled; may be run again later."""


async def lead(database: Database, jobs: Sequence[Job], check_s: float = CHECK_S) -> None:
    """Run the jobs while this process leads, until cancelled. Raises what a job ends with."""
    if database.reading.dialect.name != "postgresql":
        await _work(jobs, None, check_s)
        return
    while True:
        if (leadership := await _taken(database)) is None:
            await asyncio.sleep(check_s)
            continue
        _log.info("this process leads")
        try:
            await _work(jobs, leadership, check_s)
        finally:
            await asyncio.to_thread(leadership.release)
        _log.warning("this process leads no more")


async def _taken(database: Database) -> Leadership | None:
    """The lock, where it is free. Where this is cancelled meanwhile, it is given back and not kept by nobody."""
    taking = asyncio.create_task(asyncio.to_thread(_try, database))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        if (leadership := await taking) is not None:
            await asyncio.to_thread(leadership.release)
        raise


def _try(database: Database) -> Leadership | None:
    try:
        return Leadership.taken(database.reading)
    except DBAPIError as error:
        _log.warning("nobody can lead just now: %s", type(error).__name__)
        return None


async def _work(jobs: Sequence[Job], leadership: Leadership | None, check_s: float) -> None:
    """All jobs, until the leadership is lost or one of them ends."""
    running = [asyncio.create_task(job()) for job in jobs]
    try:
        while leadership is None or await asyncio.to_thread(leadership.is_held):
            done, _ = await asyncio.wait(
                running, timeout=None if leadership is None else check_s, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
            if done:
                return
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
