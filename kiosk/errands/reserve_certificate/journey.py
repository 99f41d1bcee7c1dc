"""A certificate of level 2 to a reserve card: warned of its end first; who is here; one card to one person.

Rules: product.md, `reserve_certificate`; domain.md, "Rules of hand-over and return".
"""

from datetime import date

from kiosk.errands.renew_certificate.journey import old_may_go
from kiosk.errands.reserve_certificate import views
from kiosk.errands.reserve_certificate.eligibility import holder, reserved
from kiosk.ports import Ask, ErrandLog
from kiosk.steps import certificate_views
from kiosk.steps.capabilities import Desk, Ended
from kiosk.steps.card_write import identification_again, prove_codes
from kiosk.steps.certificate_issuance import fetch
from kiosk.steps.context import Scene
from kiosk.steps.ending import receipt_for, say_done
from kiosk.steps.identification import holder_means
from kiosk.steps.own_card import own_card
from kiosk.steps.person_proof import RENEWED, sign_mandate

SCENE = Scene("reserve_certificate")
WHO, CARD, CODE, WRITE = (SCENE.at(step, 4) for step in range(1, 5))


async def reserve_certificate(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    ends = desk.region.loa2_ends
    if ends is not None:
        await ask(views.phased_out(WHO, ends))
    who = await holder(ask, desk, WHO, log)
    async with own_card(ask, desk, CARD, log, views.insert) as card:
        wanted = await reserved(ask, desk, CARD, log, card, who)
        if ends is None and wanted.offer.phased_out is not None:
            await ask(views.phased_out(CARD, date.fromisoformat(wanted.offer.phased_out)))
        await ask(views.begin(CARD, card.whose, wanted.offer))
        codes = await prove_codes(ask, CODE, card.visit, wanted.purpose)
        if wanted.present is not None:  # a copy of the reserve card gets no certificate either
            means = holder_means(card.facts)
            await sign_mandate(
                ask, desk, CODE, log, card.visit, means, card.register, RENEWED, identification_again(codes)
            )
        new = await fetch(ask, desk, WRITE, log, card, wanted, codes)
        old = await old_may_go(ask, desk, WRITE, log, card, wanted.present)
        receipt = await receipt_for(desk, SCENE, log, card.whose, who, (f"old_{old}",))
        return await say_done(ask, desk, SCENE, log, receipt, *certificate_views.done(new, old))
