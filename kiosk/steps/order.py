"""The waiting order: which card waits for whom, and what the holder agrees to before anything opens."""

from drivers.printer.port import Ready
from kiosk.issuer.ports import CardWord, Unavailable
from kiosk.ports import Order
from kiosk.steps import order_views as views
from kiosk.steps.capabilities import Capabilities, StopError
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.card_status import (
    check_new_card,
    judge_new_card,
    listed_new_card,
    refuse_listed_leaver,
    require_recent_lists,
)
from kiosk.steps.identity.card_status_views import new_card_stands
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard, act_for, refuse_switched_off
from kiosk.steps.pin.by_administrator import Mandate
from kiosk.steps.pin.letter import go_without_letter
from kiosk.steps.pin.letter_views import CardPlace

PAGE = 4
"""Orders on one screen of the administrator's choice."""


async def find_order(context: ErrandContext, identity: Identification) -> Order:
    """The order that waits here for the holder, or whose receipt the holder owes.

    Raises StopError where there is none, it is not theirs to take, the region has switched such cards off, or the register's word
    is against the card or its holder.
    """
    order = await _found(context, identity)
    refuse_switched_off(context, order.card_number, order.product)
    await check_new_card(context, order)
    return order


async def _found(context: ErrandContext, identity: Identification) -> Order:
    if identity.by == "administrator":
        return await _pointed_out(context, identity)
    order = (
        await _released(context.caps, identity) if identity.order else await context.caps.orders.find(identity.hsa_id)
    )
    if order is None:
        await _needs_list(context)
        past = await context.caps.orders.past(identity.hsa_id)
        raise context.stop("no_order") if past is None else views.expired(context, past)
    if (identity.loa or 0) < order.loa:
        raise context.stop("level_too_low")
    return order


async def find_posted(context: ErrandContext, card: OwnCard) -> Order:
    """The order of the card that is in, which came by post, or whose receipt its holder owes: for whichever of its employers.

    Raises StopError where the register's word is against card or holder, none is ordered for this card, or it is another person's
    or of another level.
    """
    order = await _posted(context.caps, card)
    if order is not None and order.hsa_id != card.whose.hsa_id and order.hsa_id in card.facts.hsa_ids:
        await act_for(context, card, order.hsa_id)
    judge_new_card(context, card.register)
    if isinstance(card.register, Unavailable):
        await refuse_listed_leaver(context, card.facts)
        if (stop := await listed_new_card(context.caps, card.facts)) is not None:
            raise new_card_stands(context, stop)
        if order is not None:
            await require_recent_lists(context, order)
    if order is None:
        raise await _no_posted_order(context, card)
    if order.hsa_id != card.whose.hsa_id:
        raise context.stop("order_of_another", badge="failure", icon="alert-outline")
    certificate = card.facts.certificate("identification")
    if certificate is None or certificate.loa != order.loa:
        raise context.stop("other_level")
    refuse_switched_off(context, order.card_number, order.product)
    return order


async def _posted(caps: Capabilities, card: OwnCard) -> Order | None:
    for hsa_id in (card.whose.hsa_id, *sorted(card.facts.hsa_ids - {card.whose.hsa_id})):
        if (order := await caps.orders.posted(hsa_id, card.whose.card_number)) is not None:
            return order
    return None


async def _no_posted_order(context: ErrandContext, card: OwnCard) -> StopError:
    if isinstance(card.register, CardWord) and card.register.state == "active":
        return context.stop("already_active")
    if await context.caps.orders.here() is None:
        return views.list_too_old(context)
    of_card = [await context.caps.orders.past(hsa_id, card.whose.card_number) for hsa_id in sorted(card.facts.hsa_ids)]
    past = next(filter(None, of_card), None)
    return context.stop("not_by_post") if past is None else views.expired(context, past)


async def _needs_list(context: ErrandContext) -> None:
    """Raise StopError where the list is too old: that no order is known says nothing then."""
    if await context.caps.orders.here() is None:
        raise views.list_too_old(context)


async def _released(caps: Capabilities, identity: Identification) -> Order | None:
    """The very order whose release code was typed: the same person may have another one."""
    return next((order for order in await caps.orders.waiting() if order.order == identity.order), None)


async def _pointed_out(context: ErrandContext, identity: Identification) -> Order:
    """The administrator, whose document check names the holder, picks the order from those that wait here."""
    assert identity.administrator is not None
    offered = (*await context.caps.orders.owed(), *await context.caps.orders.waiting())
    waiting = [order for order in offered if order.hsa_id not in identity.administrator.hsa_ids]
    if not waiting:
        await _needs_list(context)
        raise context.stop("nothing_waits")
    start = 0
    while True:
        page = waiting[start : start + PAGE]
        picked = await context.ask(views.which(context, page, identity.administrator, more=len(waiting) > PAGE))
        if picked != "more":
            return next(order for order in page if order.order == picked)
        start = start + PAGE if start + PAGE < len(waiting) else 0


async def accept_terms(
    context: ErrandContext, order: Order, identity: Identification, given: Mandate | None, *, letter: CardPlace | None
) -> None:
    """Ask the holder to accept the terms. `letter`: and that the letter with the PUK is at hand, or where the card is
    until it has come. `given`: who attends. Raises ErrandCancelledError, and as `go_without_letter`."""
    paper = context.caps.printer is not None and isinstance(await context.caps.printer.status(), Ready)
    if (
        await context.ask(views.terms(context, order, identity, paper=paper, letter=letter is not None))
        == "no_envelope"
    ):
        assert letter is not None, "it is asked for"
        await go_without_letter(context, order, given, letter)
        await accept_terms(context, order, identity, given, letter=None)
