"""Refresh loop of synced data: asked for on each connect, when woken, and after a time, until cancelled.

What is not answered is asked again after `AGAIN_S` seconds, then after twice as long, and so on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from fleet.agent.answer_verification import SyncRefused
from fleet.agent.store import StoreError
from fleet.messages.link import Answer, Ask

AGAIN_S = 20.0

log = logging.getLogger(__name__)


class LinkDown(Exception):
    """The question cannot be asked, or its answer cannot come: there is no connection."""


class AskTimeout(Exception):
    """No answer in time. Whether the question was heard is unknown."""


class Asker(Protocol):
    """The part of `Link` that asks. `ask` raises LinkDown, AskTimeout."""

    @property
    def online(self) -> bool: ...

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]: ...

    async def ask(self, message: Ask, timeout_s: float = ...) -> Answer: ...


async def keep_fresh(
    link: Asker, wake: asyncio.Event, refresh: Callable[[], Awaitable[None]], label: str, *, every_s: float
) -> None:
    """Refresh while there is a connection. `label` names it in the log."""
    forget = link.on_change(lambda online: wake.set() if online else None)
    again_s = AGAIN_S
    try:
        while True:
            wake.clear()
            is_answered = not link.online or await _try(refresh, label)
            pause_s = every_s if is_answered else min(again_s, every_s)
            again_s = AGAIN_S if is_answered else 2 * again_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await wake.wait()
    finally:
        forget()


async def _try(refresh: Callable[[], Awaitable[None]], label: str) -> bool:
    """Return whether there was an answer, also one that was refused."""
    try:
        await refresh()
    except SyncRefused as error:
        log.warning("%s from the server was refused (%s): %s", label, error.code, error)
    except (LinkDown, AskTimeout, StoreError) as error:
        log.info("no new %s from the server: %s", label, error)
        return False
    return True
