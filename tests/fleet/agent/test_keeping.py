"""Synced data is asked for again soon after a question that came to nothing, and at its time where it was answered."""

import asyncio
from collections.abc import Callable

import pytest

from fleet.agent import keeping
from fleet.agent.answer_verification import SyncRefused
from fleet.agent.keeping import AskTimeout, LinkDown, keep_fresh
from fleet.messages.link import Answer, Ask
from sim.stories.patience import LIMIT_S


class Connected:
    """A link that is there all the time."""

    online = True

    def on_change(self, listener: Callable[[bool], None]) -> Callable[[], None]:
        return lambda: None

    async def ask(self, message: Ask, timeout_s: float = 1) -> Answer:
        raise AssertionError("the refresh asks")


async def asked(*outcomes: Exception | None) -> int:
    """How often it is asked until somebody is content, at most ten minutes apart; the outcomes come in turn, then all is well."""
    left, over, count = list(outcomes), asyncio.Event(), 0

    async def refresh() -> None:
        nonlocal count
        count += 1
        if left and (outcome := left.pop(0)) is not None:
            raise outcome
        over.set()

    keeping_fresh = asyncio.create_task(keep_fresh(Connected(), asyncio.Event(), refresh, "data", every_s=600))
    try:
        async with asyncio.timeout(LIMIT_S):
            await over.wait()
    finally:
        keeping_fresh.cancel()
        await asyncio.gather(keeping_fresh, return_exceptions=True)
    return count


async def test_what_was_not_answered_is_asked_again_before_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AGAIN_S", 0.01)
    assert await asked(AskTimeout("none"), LinkDown("gone"), AskTimeout("none")) == 4


async def test_what_was_answered_or_refused_waits_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AGAIN_S", 0.0)
    assert await asked() == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asked(SyncRefused("replayed", "older"))
