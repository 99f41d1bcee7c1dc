"""Administrate: an ID administrator logs in, sees cards and machine, and begins what is to be done from there.

Rules: the administrator is logged in for as long as their card stays in. What is begun is an errand of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from fleet.messages.vocabulary import EventType
from kiosk.administration_ports import RESTARTED, AdministratorSession, Machine
from kiosk.errands.administrate import views
from kiosk.steps.capabilities import Ended
from kiosk.steps.card import wait_until_empty
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.administrator import administrator_reader, log_in

CONTEXT = ViewContext("administrate")


async def administrate(context: ErrandContext) -> Ended:
    """The whole stay. Raises ErrandEndedError where nobody is let in, or nobody is there any more."""
    machine = context.caps.machine
    if machine is None:
        raise CONTEXT.stop("no_menu")
    async with _logged_in(context) as here:
        await context.log.note(
            EventType.ADMINISTRATOR_LOGGED_IN,
            administrator=here.administrator.hsa_id,
            logged_in_by=here.administrator.by,
        )
        context = replace(context.go_to(CONTEXT), attended_by=here.administrator.name)
        while here.card_in and (chosen := await _choice(context, machine, here)) is not None:
            ended = await machine.run(chosen, here)
            if ended is not None and ended.reason == RESTARTED:
                break
    return await context.end()


@contextlib.asynccontextmanager
async def _logged_in(context: ErrandContext) -> AsyncIterator[AdministratorSession]:
    """Logged in from here until the card is taken out, or the block is left."""
    administrator = await log_in(context.go_to(CONTEXT))
    out = asyncio.ensure_future(wait_until_empty(administrator_reader(context.caps)))
    here = AdministratorSession(administrator, administrator_reader(context.caps), out, context.caps.clock.monotonic())
    try:
        yield here
    finally:
        here.out.cancel()
        await asyncio.gather(here.out, return_exceptions=True)


async def _choice(context: ErrandContext, machine: Machine, here: AdministratorSession) -> str | None:
    """The errand that is wanted and can be had; None where the card was taken."""
    while True:
        chosen = await context.ask(views.board(context, await machine.look(), machine.missing), until=here.taken())
        missing = machine.missing(chosen) if chosen is not None else None
        if missing is None:
            return chosen
        await context.ask(views.not_now(context, missing), until=here.taken())
