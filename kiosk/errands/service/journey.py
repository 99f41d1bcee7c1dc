"""Service: an ID administrator (or a technician, by an administrator's card) looks after the machine.

Rules: what opens or prints says why and by whom; what is told of the past names nobody; a receipt that is
printed again keeps its one number.
"""

from collections.abc import Awaitable, Callable

from kiosk.administration_ports import RESTARTED, Machine
from kiosk.errands.service import tasks as steps
from kiosk.errands.service import views
from kiosk.issuer.ports import LoggedIn
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.administrator import log_in

CONTEXT = ViewContext("service")
Step = Callable[[ErrandContext, Machine, LoggedIn], Awaitable[None]]
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


async def service(context: ErrandContext) -> Ended:
    """One thing after the other, until there is nothing more to do. Raises ErrandEndedError as every errand."""
    context, machine = context.go_to(CONTEXT), context.caps.machine
    if machine is None:
        raise context.stop("no_menu")
    by = await log_in(context)
    while (wish := await _wish(context, machine)) in STEPS:
        await STEPS[wish](context, machine, by)
    restarts = wish in ENDS and await ENDS[wish](context, machine, by)
    return await context.end(RESTARTED if restarts else "")


async def _wish(context: ErrandContext, machine: Machine) -> str:
    """Ask for a choice from the menu or from the page behind it."""
    fitted = _fitted(context.caps)
    while (wish := await context.ask(views.menu(context, fitted=fitted, closed=machine.closed))) == "installation":
        if (wish := await context.ask(views.installation(context, fitted=fitted))) != "back":
            return wish
    return wish


def _fitted(caps: Capabilities) -> frozenset[str]:
    """The devices that not every station has."""
    return frozenset(name for name in ("printer", "cabinet") if getattr(caps, name) is not None)
