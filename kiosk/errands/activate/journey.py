"""Activate a card that came by post: the holder brings it, an administrator checks who that is, the holder chooses the code.

Rules: docs/rules.md, "Hand-over and return". Order, code and receipt are steps that `pickup` has too; there is no slot.
"""

from dataclasses import replace
from functools import partial

from kiosk.errands.activate import views
from kiosk.ports import Order
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.former_name import accept_former_name, renamed_holder
from kiosk.steps.hand_over import end_hand_over
from kiosk.steps.identity.administrator import HAND_OVER_TAGS, About, lit_reader
from kiosk.steps.identity.identification import attest_identity, identify_by_administrator
from kiosk.steps.order import accept_terms, find_posted
from kiosk.steps.own_card import OwnCard, own_card, refuse_read_only
from kiosk.steps.pin.by_administrator import Mandate, in_turn, mandate_of
from kiosk.steps.pin.first_code import set_first_code
from kiosk.steps.pin.views import TASKS_BY_MANDATE, TASKS_WITH_CODE, TASKS_WITH_PUK
from kiosk.steps.receipt import SignedReceipt, issue_receipt, print_receipt

CONTEXT = ViewContext("activate")
CARD, CHECKS, CODE = (CONTEXT.at(step, 5) for step in range(1, 4))
RECEIPT = CONTEXT.at(5, 5)
"""The code takes two steps: what it is set with, and the new one."""
TASKS = {"puk": TASKS_WITH_PUK, "start-pin": TASKS_WITH_CODE, "administrator": TASKS_BY_MANDATE}


async def activate(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(context.go_to(CARD)) as card:
        refuse_read_only(CARD, card.facts)
        order = await find_posted(context.go_to(CARD), card)
        await context.log.about(order)
        issued = await context.log.receipt()
        signed = SignedReceipt(issued) if issued else await _activate(context, order, card)
        signed = await print_receipt(context.go_to(RECEIPT), signed)
        return await end_hand_over(context.go_to(RECEIPT), order, signed)


async def _activate(context: ErrandContext, order: Order, card: OwnCard) -> SignedReceipt:
    """From who attends to the signed receipt. Where the card was activated before, its holder only signs."""
    by_letter = card.facts.rules.first_code == "puk" and not order.receipt_owed
    if by_letter and not await context.caps.envelopes.available():
        raise CARD.stop("activation_offline", icon="cloud-off-outline")
    if (
        await context.ask(views.administrator_needed(CARD, context.caps.region.office, lit_reader(context.caps)))
        == "nobody"
    ):
        raise views.no_administrator(CARD, context.caps.region.office)
    given = await in_turn(context.go_to(CARD), card, partial(_attend, context, order, card))
    attended = given.administrator.name
    if not order.receipt_owed:
        holder, certificate = (
            await renamed_holder(context.caps, order, given.who.people),
            card.facts.certificate("identification"),
        )
        await accept_former_name(context.go_to(CODE), holder, order.name, certificate)
        await accept_terms(context.go_to(CODE), order, given.who, given, letter="waits" if by_letter else None)
    context = replace(context.go_to(CODE), attended_by=attended, tasks=TASKS[card.facts.rules.first_code])
    code = await set_first_code(context, order, card, given)
    return await issue_receipt(context.go_to(RECEIPT), order, given.who, card.visit, code)


async def _attend(context: ErrandContext, order: Order, card: OwnCard) -> Mandate:
    """An administrator who is not the holder goes through the region's identity checks; a second one where it takes two."""
    holder, about = card.facts.hsa_ids | {order.hsa_id}, About(order.card_number, HAND_OVER_TAGS)
    identity = await identify_by_administrator(context.go_to(CHECKS), holder, whose=order, about=about)
    mandate_of(CHECKS, identity, by_server=card.facts.rules.first_code == "administrator")
    identity = await attest_identity(context.go_to(CHECKS), order, replace(identity, hsa_id=order.hsa_id))
    return mandate_of(CHECKS, identity, by_server=False)
