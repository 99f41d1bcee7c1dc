"""A certificate to a reserve card: warned of the end of level 2 first, or told that there is none; who is here; one card to one
person. Two administrators may bind a reserve card from the cabinet first, which is nobody's until then.

Rules: docs/rules.md, "Hand-over and return".
"""

from datetime import date

from kiosk.errands.reserve_certificate import views
from kiosk.errands.reserve_certificate.binding import fetch_reserve_card
from kiosk.errands.reserve_certificate.eligibility import choose_certificate, identify_holder
from kiosk.steps.capabilities import Ended
from kiosk.steps.certificate import views as certificate_views
from kiosk.steps.certificate.card_write import identification_again, prove_codes
from kiosk.steps.certificate.issuance import issue_certificate
from kiosk.steps.certificate.removal import offer_removal
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.identification import holder_means
from kiosk.steps.identity.proof_of_possession import RENEWED, sign_mandate
from kiosk.steps.own_card import own_card
from kiosk.steps.receipt import receipt_for, say_done

CONTEXT = ViewContext("reserve_certificate")
WHO, CARD, CODE, WRITE = (CONTEXT.at(step, 4) for step in range(1, 5))


async def reserve_certificate(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    ends, rules = context.caps.region.loa2_ends, context.caps.region.reserve
    if rules.reason is not None and not rules.level_2:
        await context.ask(views.level_2_off(WHO, rules.reason))
    elif ends is not None:
        await context.ask(views.phased_out(WHO, ends))
    identity = await identify_holder(context.go_to(WHO))
    order = await fetch_reserve_card(context.go_to(WHO), identity) if identity.second is not None else None
    async with own_card(context.go_to(CARD), views.insert) as card:
        renewal = await choose_certificate(context.go_to(CARD), card, identity, order)
        if ends is None and renewal.offer.phased_out is not None:
            await context.ask(views.phased_out(CARD, date.fromisoformat(renewal.offer.phased_out)))
        await context.ask(views.begin(CARD, card.whose, renewal.offer))
        codes = await prove_codes(context.go_to(CODE), card.visit, renewal.purpose)
        if renewal.present is not None:  # a copy of the reserve card gets no certificate either
            means = holder_means(card.facts)
            await sign_mandate(
                context.go_to(CODE), card.visit, means, card.register, RENEWED, identification_again(codes)
            )
        new = await issue_certificate(context.go_to(WRITE), card, renewal, codes)
        old = await offer_removal(context.go_to(WRITE), card, renewal.present)
        remarks = (f"old_{old}", *(("reserve_bound",) if order else ()))
        receipt = await receipt_for(
            context.go_to(CONTEXT), card.whose, identity, remarks, order=order, people=card.people
        )
        return await say_done(context.go_to(CONTEXT), receipt, *certificate_views.done(new, old))
