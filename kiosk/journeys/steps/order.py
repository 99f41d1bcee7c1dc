"""Which card waits for whom, and what the holder agrees to before anything opens."""

from drivers.printer.port import Ready
from kiosk.journeys import order_views as views
from kiosk.journeys.desk import Desk
from kiosk.journeys.steps.identify import Identified
from kiosk.ports import Ask, Order

PAGE = 4
"""Orders on one screen of the administrator's choice."""


async def find_order(ask: Ask, desk: Desk, who: Identified) -> Order:
    """The order that waits here for the holder. Raises StopError where there is none, or it is not theirs to take."""
    if who.by == "administrator":
        return await _pointed_out(ask, desk, who)
    order = await desk.orders.find(who.hsa_id)
    if order is None:
        raise views.no_order()
    if (who.loa or 0) < order.loa:
        raise views.level_too_low(order)
    return order


async def _pointed_out(ask: Ask, desk: Desk, who: Identified) -> Order:
    """The administrator, whose document check names the holder, picks the order from those that wait here."""
    assert who.administrator is not None
    waiting = [o for o in await desk.orders.waiting() if o.hsa_id != who.administrator.hsa_id]
    if not waiting:
        raise views.nothing_waits()
    start = 0
    while True:
        page = waiting[start : start + PAGE]
        picked = await ask(views.which(page, who.administrator, more=len(waiting) > PAGE))
        if picked != "more":
            return next(order for order in page if order.order == picked)
        start = start + PAGE if start + PAGE < len(waiting) else 0


async def agree(ask: Ask, desk: Desk, order: Order, who: Identified) -> None:
    """Terms, envelope at hand, and a way of verifying it, all before the slot opens. Raises StopError."""
    if not await desk.envelopes.available():
        raise views.verifier_away()
    paper = desk.printer is not None and isinstance(await desk.printer.status(), Ready)
    await ask(views.terms(order, who, paper=paper))
    if await ask(views.envelope_at_hand(order, who)) == "no":
        raise views.no_envelope()
