"""Service: an ID administrator (or a technician, by an administrator's card) looks after the machine.

Rules: what opens or prints says why and by whom; what is told of the past names nobody; a receipt that is
printed again keeps its one number.
"""

from collections.abc import Awaitable, Callable

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.administration_ports import RESTARTED, Machine
from kiosk.errands.service import tasks as steps
from kiosk.errands.service import views
from kiosk.issuer.ports import LoggedIn
from kiosk.ports import Ask, ErrandLog
from kiosk.steps import administration_views
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.administrator import log_in

CONTEXT = ViewContext("service")
Step = Callable[[Ask, Capabilities, Machine, ViewContext, ErrandLog, LoggedIn], Awaitable[None]]
STEPS: dict[str, Step] = {
    "tasks": steps.tasks,
    "test": steps.self_test,
    "print": steps.test_print,
    "open": steps.open_a_slot,
    "receipts": steps.receipts,
    "events": steps.last_events,
    "tries": steps.clear_tries,
    "close": steps.out_of_service,
    "pair": steps.pair,
    "readers": steps.tell_readers,
}
"""What can be done, by the answer of the menu."""

ENDS = {"restart": steps.restart, "reset": steps.reset}
"""What the program starts anew for."""


async def service(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """One thing after the other, until there is nothing more to do. Raises ErrandEndedError as every errand."""
    if caps.machine is None:
        raise administration_views.no_machine(CONTEXT)
    by = await log_in(ask, caps, CONTEXT, log)
    while (wish := await _wish(ask, caps, caps.machine)) in STEPS:
        await STEPS[wish](ask, caps, caps.machine, CONTEXT, log, by)
    restarts = wish in ENDS and await ENDS[wish](ask, caps.machine, CONTEXT, log, by)
    ended = Ended(ErrandOutcome.DONE, RESTARTED if restarts else "")
    await log.end(ended)
    return ended


async def _wish(ask: Ask, caps: Capabilities, machine: Machine) -> str:
    """What is to be done now, of the menu or of the page behind it."""
    fitted = _fitted(caps)
    while (wish := await ask(views.menu(CONTEXT, fitted=fitted, closed=machine.closed))) == "installation":
        if (wish := await ask(views.installation(CONTEXT, fitted=fitted))) != "back":
            return wish
    return wish


def _fitted(caps: Capabilities) -> frozenset[str]:
    """The devices that not every station has."""
    return frozenset(name for name in ("printer", "cabinet") if getattr(caps, name) is not None)
