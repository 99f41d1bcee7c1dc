"""Administrate: an ID administrator logs in, sees cards and machine, and begins what is to be done from there.

Rules: the administrator is logged in for as long as their card stays in. What is begun is an errand of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from fleet.messages.vocabulary import ErrandOutcome, EventType
from kiosk.administration_ports import RESTARTED, AdministratorSession, Machine
from kiosk.errands.administrate import views
from kiosk.ports import Ask, ErrandLog
from kiosk.steps import administration_views
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.card import wait_until_empty
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.administrator import administrator_reader, log_in

CONTEXT = ViewContext("administrate")


async def administrate(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole stay. Raises ErrandEndedError where nobody is let in, or nobody is there any more."""
    if caps.machine is None:
        raise administration_views.no_machine(CONTEXT)
    async with _logged_in(ask, caps, log) as here:
        await log.note(
            EventType.ADMINISTRATOR_LOGGED_IN,
            administrator=here.administrator.hsa_id,
            logged_in_by=here.administrator.by,
        )
        context = replace(CONTEXT, attended_by=here.administrator.name)
        while here.card_in and (chosen := await _choice(ask, caps.machine, context, here)) is not None:
            ended = await caps.machine.run(chosen, here)
            if ended is not None and ended.reason == RESTARTED:
                break
    over = Ended(ErrandOutcome.DONE)
    await log.end(over)
    return over


@contextlib.asynccontextmanager
async def _logged_in(ask: Ask, caps: Capabilities, log: ErrandLog) -> AsyncIterator[AdministratorSession]:
    """Logged in from here until the card is taken out, or the block is left."""
    administrator = await log_in(ask, caps, CONTEXT, log)
    out = asyncio.ensure_future(wait_until_empty(administrator_reader(caps)))
    here = AdministratorSession(administrator, administrator_reader(caps), out, caps.clock.monotonic())
    try:
        yield here
    finally:
        here.out.cancel()
        await asyncio.gather(here.out, return_exceptions=True)


async def _choice(ask: Ask, machine: Machine, context: ViewContext, here: AdministratorSession) -> str | None:
    """The errand that is wanted and can be had; None where the card was taken."""
    while True:
        chosen = await ask(views.board(context, await machine.look(), machine.missing), until=here.taken())
        missing = machine.missing(chosen) if chosen is not None else None
        if missing is None:
            return chosen
        await ask(views.not_now(context, missing), until=here.taken())
