"""Warm-up at the start of the server: compiles the templates of the first pages and reads the stations once.

Rules: it happens beside everything else, and nobody waits for it: the server is ready without it. Where it fails (the database is
away) the log says so, and the first visitor waits as long as without it.

Example: `FastAPI(lifespan=warmed(web, read_once))`
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from fleet.server.platform.pages.rendering import Web

FIRST_TEMPLATES = (
    "sign_in/sign_in.html",
    "platform/signed_out.html",
    "platform/base.html",
    "platform/macros.html",
    "platform/as_of.html",
    "platform/fragment.html",
    "stations/overview.html",
    "stations/chart.html",
    "stations/stations.html",
    "stations/station.html",
    "errands/errands.html",
    "alerts/alerts.html",
)
_log = logging.getLogger(__name__)


def warmed(web: Web, read: Callable[[], object]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """For as long as the application runs (ASGI lifespan)."""

    @asynccontextmanager
    async def during(_app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(warm, web, read), name="warming")
        warming.add_done_callback(_tell)
        yield
        await asyncio.wait([warming])

    return during


def warm(web: Web, read: Callable[[], object]) -> None:
    """Blocks for some tenths of a second. Raises what the store raises."""
    for name in FIRST_TEMPLATES:
        web.templates.get_template(name)
    read()


def _tell(warming: "asyncio.Task[None]") -> None:
    error = None if warming.cancelled() else warming.exception()
    if error is not None:
        _log.warning("the first pages could not be prepared (%s)", type(error).__name__)
