"""Renew a certificate: a new one to the card that one has; the old one stays until the new one has been tested.

Rules: a product that cannot be written to, and what the issuer does not offer, are said before
any code is typed. Once the new one works the errand is done, whatever becomes of the old one.
"""

from functools import partial

from fleet.messages.vocabulary import AskName
from kiosk.steps.capabilities import Ended
from kiosk.steps.certificate import views
from kiosk.steps.certificate.card_write import identification_again, prove_codes
from kiosk.steps.certificate.issuance import issue_certificate
from kiosk.steps.certificate.offer import choose_renewal, nears_its_end
from kiosk.steps.certificate.removal import offer_removal
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.employer import choose_own_employer
from kiosk.steps.identity.identification import Identification, holder_means
from kiosk.steps.identity.proof_of_possession import RENEWED, sign_mandate
from kiosk.steps.own_card import own_card
from kiosk.steps.receipt import receipt_for, say_done

CONTEXT = ViewContext("renew_certificate")
CARD, CODE, WRITE = (CONTEXT.at(step, 3) for step in range(1, 4))


async def renew_certificate(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    context = context.go_to(CARD)
    async with own_card(context) as card:
        context = await choose_own_employer(context, card, partial(nears_its_end, context.caps, card))
        renewal = await choose_renewal(context, card)
        await context.ask(views.begin(context, card.whose, renewal))
        codes = await prove_codes(context.go_to(CODE), card.visit, renewal.purpose)
        means = holder_means(card.facts, AskName.CERTIFICATE_REQUEST, AskName.CARD_CHALLENGE)
        proof = await sign_mandate(
            context.go_to(CODE), card.visit, means, card.register, RENEWED, identification_again(codes)
        )
        card.people = (proof,)
        new = await issue_certificate(context.go_to(WRITE), card, renewal, codes)
        old = await offer_removal(context.go_to(WRITE), card, renewal.present)
        receipt = await receipt_for(
            context.go_to(CONTEXT), card.whose, Identification("card", proof.hsa_id, proof=proof), (f"old_{old}",)
        )
        return await say_done(context.go_to(CONTEXT), receipt, *views.done(new, old))
