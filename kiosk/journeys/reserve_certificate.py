"""A certificate of level 2 to a reserve card: warned of its end first; who is here; one card to one person.

Rules: product.md, `reserve_certificate`; domain.md, "Rules of hand-over and return".
"""

from datetime import date

from kiosk.journeys import renew_views
from kiosk.journeys import reserve_views as views
from kiosk.journeys.desk import Desk, Ended
from kiosk.journeys.renew_certificate import old_may_go
from kiosk.journeys.scene import Scene
from kiosk.journeys.steps.ending import receipt_for, say_done
from kiosk.journeys.steps.identify import holder_means
from kiosk.journeys.steps.own import own_card
from kiosk.journeys.steps.person import RENEWED, sign_mandate
from kiosk.journeys.steps.renewing import fetch
from kiosk.journeys.steps.reserved import holder, reserved
from kiosk.journeys.steps.writing import identification_again, prove_codes
from kiosk.ports import Ask, ErrandLog

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
        return await say_done(ask, desk, SCENE, log, receipt, *renew_views.done(new, old))
