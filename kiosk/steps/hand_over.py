"""Handing over a new card: the order, the slot, the code, the receipt, the old card.

A holder who left half way comes back to where the card is: what the journal holds as done for the order is not done twice.
"""

from fleet.messages.vocabulary import Effect
from kiosk.issuer.ports import DirectoryPerson, Unavailable
from kiosk.ports import Order, Visit
from kiosk.steps import receipt_views as views
from kiosk.steps import slot_views
from kiosk.steps.capabilities import Ended, StopError
from kiosk.steps.card import act_for_holder, ask_for_card
from kiosk.steps.context import ErrandContext, Subject, ViewContext
from kiosk.steps.drop_slot import drop_old_card
from kiosk.steps.former_name import accept_former_name, renamed_holder
from kiosk.steps.identity.employer import show_employer
from kiosk.steps.identity.identification import Identification, attest_identity
from kiosk.steps.order import accept_terms, find_order
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin.activation import activate, prove_activated_card
from kiosk.steps.pin.by_administrator import Mandate
from kiosk.steps.pin.unlocking import EFFECT
from kiosk.steps.pin.views import TASKS_WITH_PUK
from kiosk.steps.receipt import SignedReceipt, can_mail, choose_receipt, issue_receipt, print_receipt
from kiosk.steps.slot import FORMER_NAME, insert_new_card, reopen_for_return, take_from_slot

CONTEXT = ViewContext("pickup", tasks=TASKS_WITH_PUK)
WHO, AGREE, SLOT, CODE = (CONTEXT.at(step, 7) for step in range(1, 5))
SIGN, RECEIPT = CONTEXT.at(6, 7), CONTEXT.at(7, 7)
"""The code takes two steps: the PUK, and the new one."""


async def hand_over(context: ErrandContext, identity: Identification) -> Ended:
    """From who it is to the receipt."""
    context = show_employer(context, identity.employer)
    order = await find_order(context.go_to(AGREE), identity)
    await context.log.about(order)
    identity = await attest_identity(context.go_to(AGREE), order, identity)
    given = None if identity.administrator is None else Mandate(identity, identity.administrator)
    issued = await context.log.receipt()
    if issued is not None:
        signed = SignedReceipt(issued)
    elif order.receipt_owed:
        signed = await _sign_owed(context, order, identity, given)
    else:
        if not await context.caps.envelopes.available():
            raise AGREE.stop("offline", icon="cloud-off-outline")
        holder, progress = await renamed_holder(context.caps, order, identity.people), await context.log.progress()
        if EFFECT in progress or await accept_former_name(context.go_to(AGREE), holder, order.name):
            holder = None  # all is said
        await accept_terms(context.go_to(AGREE), order, identity, given, letter="slot")
        if Effect.SLOT_TAKE not in progress:
            await take_from_slot(context.go_to(SLOT), order, identity)
        signed = await _activate_and_sign(context, order, identity, given, holder)
    signed = await print_receipt(context.go_to(RECEIPT), signed)
    remark = await drop_old_card(context.go_to(RECEIPT), order, identity)
    return await end_hand_over(context.go_to(RECEIPT), order, signed, remark)


async def end_hand_over(context: ErrandContext, order: Order, signed: SignedReceipt, remark: str = "") -> Ended:
    """Commit that the card is handed over, then say so, for as long as somebody still wants the receipt."""
    receipt = signed.receipt
    ended = await context.end(remark, order=order, receipt=receipt)
    end = views.done(context.ending(), receipt, paper=signed.paper, mail=await can_mail(context.caps, receipt))
    while (answer := await context.ask(end)) != "end":
        if answer == "receipt":
            await choose_receipt(context, receipt, paper=False)
        else:
            await context.ask(views.on_phone(context, receipt))
    return ended


async def _sign_owed(
    context: ErrandContext, order: Order, identity: Identification, given: Mandate | None
) -> SignedReceipt:
    """The card was activated on an earlier visit, here or elsewhere: whoever has it and its code signs, and nothing else is
    done."""
    card = _card_of(order, await _meet_handed_card(context, order, identity))
    try:
        code = await prove_activated_card(context.go_to(CODE), order, card, given, identity)
        return await issue_receipt(context.go_to(SIGN), order, identity, card.visit, code)
    finally:
        await card.visit.close()


async def _meet_handed_card(context: ErrandContext, order: Order, identity: Identification) -> Visit:
    fresh = False
    while True:
        visit = await ask_for_card(
            context.ask, context.caps.reader, lambda why: slot_views.sign_owed(SLOT, order, identity, why), fresh=fresh
        )
        assert not isinstance(visit, str), "the only other way out is to cancel"
        if visit.facts.card_number == order.card_number:
            if not identity.is_attended_by(visit.facts):
                return act_for_holder(visit, order.hsa_id)
            await visit.close()
            raise slot_views.own_card_attended(SLOT)
        await visit.close()
        fresh = True


async def _activate_and_sign(
    context: ErrandContext,
    order: Order,
    identity: Identification,
    given: Mandate | None,
    holder: DirectoryPerson | None,
) -> SignedReceipt:
    """`holder`: one whose name has changed, where nothing was said of it yet."""
    card = _card_of(order, await insert_new_card(context.go_to(SLOT), order, identity))
    try:
        try:
            await accept_former_name(context.go_to(SLOT), holder, order.name, card.facts.certificate("identification"))
        except StopError:
            await card.visit.close()
            await reopen_for_return(context.go_to(SLOT), order, FORMER_NAME)
        code = await activate(context.go_to(CODE), order, card, given, identity)
        return await issue_receipt(context.go_to(SIGN), order, identity, card.visit, code)
    finally:
        await card.visit.close()


def _card_of(order: Order, visit: Visit) -> OwnCard:
    """The new card, whose the order says it is."""
    return OwnCard(visit, Subject(order.card_number, order.hsa_id, order.name), Unavailable())
