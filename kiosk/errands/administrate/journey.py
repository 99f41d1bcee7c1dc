"""Administrate: an ID administrator logs in, sees cards and machine, and begins what is to be done from there.

Rules: design, 14; the administrator is logged in for as long as their card stays in. What is begun is an errand of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from fleet.messages.vocabulary import EventType
from kiosk.administration_ports import RESTARTED, AtMenu, House
from kiosk.errands.administrate import views
from kiosk.ports import Ask, ErrandLog
from kiosk.steps import administration_views
from kiosk.steps.capabilities import Desk, Ended
from kiosk.steps.card import emptied
from kiosk.steps.context import Scene
from kiosk.steps.identity.administrator import log_in, reader_of

SCENE = Scene("administrate")


async def administrate(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
    """The whole stay. Raises ErrandEndedError where nobody is let in, or nobody is there any more."""
    if desk.house is None:
        raise administration_views.no_house(SCENE)
    async with _logged_in(ask, desk, log) as here:
        await log.note(
            EventType.ADMINISTRATOR_LOGGED_IN,
            administrator=here.administrator.hsa_id,
            logged_in_by=here.administrator.by,
        )
        scene = replace(SCENE, attended_by=here.administrator.name)
        while here.card_in and (chosen := await _choice(ask, desk.house, scene, here)) is not None:
            ended = await desk.house.run(chosen, here)
            if ended is not None and ended.reason == RESTARTED:
                break
    over = Ended("done")
    await log.end(over)
    return over


@contextlib.asynccontextmanager
async def _logged_in(ask: Ask, desk: Desk, log: ErrandLog) -> AsyncIterator[AtMenu]:
    """Logged in from here until the card is taken out, or the block is left."""
    administrator = await log_in(ask, desk, SCENE, log)
    out = asyncio.ensure_future(emptied(reader_of(desk)))
    here = AtMenu(administrator, reader_of(desk), out, desk.clock.monotonic())
    try:
        yield here
    finally:
        here.out.cancel()
        await asyncio.gather(here.out, return_exceptions=True)


async def _choice(ask: Ask, house: House, scene: Scene, here: AtMenu) -> str | None:
    """The errand that is wanted and can be had; None where the card was taken."""
    while True:
        chosen = await ask(views.board(scene, await house.look(), house.missing), until=here.taken())
        missing = house.missing(chosen) if chosen is not None else None
        if missing is None:
            return chosen
        await ask(views.not_now(scene, missing), until=here.taken())
