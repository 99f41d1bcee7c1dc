"""The register's word on a card: waited for by the clock that is passed in, so that a slow machine refuses nobody in a test."""

import asyncio
from types import SimpleNamespace
from typing import Any

from kiosk.issuer.ports import Unavailable
from kiosk.steps.own_card import ASK_S, ask_register
from sim.stories.clock import HandClock


class Silent:
    async def state(self, card_number: str, **_: Any) -> Any:
        await asyncio.get_running_loop().create_future()


async def test_a_silent_register_is_waited_for_until_the_clock_says_so() -> None:
    clock = HandClock()
    caps: Any = SimpleNamespace(clock=clock, directory=Silent())
    asking = asyncio.ensure_future(ask_register(caps, "9752269875"))
    for seconds in (0.0, ASK_S - 0.1):
        clock.advance(seconds)
        assert not (await asyncio.wait({asking}, timeout=0.01))[0]
    clock.advance(0.2)
    assert await asking == Unavailable("no_answer")
