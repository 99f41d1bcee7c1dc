"""Renew a certificate: a new one to the card that one has; the old one stays until the new one has been tested.

Rules: product.md, `renew_certificate`. A product that cannot be written to, and what the issuer does not offer, are said before
any code is typed. Once the new one works the errand is done, whatever becomes of the old one.
"""

from drivers.reader.model import Certificate
from kiosk.ports import Ask, ErrandEndedError, ErrandLog
from kiosk.steps import certificate_removal_views
from kiosk.steps import certificate_views as views
from kiosk.steps.capabilities import Desk, Ended, StopError
from kiosk.steps.card_write import identification_again, prove_codes
from kiosk.steps.certificate_issuance import fetch
from kiosk.steps.certificate_offer import renewal
from kiosk.steps.certificate_removal import removable, remove
from kiosk.steps.context import Scene
from kiosk.steps.ending import receipt_for, say_done
from kiosk.steps.identification import Identified, holder_means
from kiosk.steps.own_card import OwnCard, own_card
from kiosk.steps.person_proof import RENEWED, sign_mandate

SCENE = Scene("renew_certificate")
CARD, CODE, WRITE = (SCENE.at(step, 3) for step in range(1, 4))


async def renew_certificate(ask: Ask, desk: Desk, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(ask, desk, CARD, log) as card:
        wanted = await renewal(ask, desk, CARD, card)
        await ask(views.begin(CARD, card.whose, wanted))
        codes = await prove_codes(ask, CODE, card.visit, wanted.purpose)
        means = holder_means(card.facts, "certificate.request", "card.challenge")
        proof = await sign_mandate(
            ask, desk, CODE, log, card.visit, means, card.register, RENEWED, identification_again(codes)
        )
        card.people = (proof,)
        new = await fetch(ask, desk, WRITE, log, card, wanted, codes)
        old = await old_may_go(ask, desk, WRITE, log, card, wanted.present)
        receipt = await receipt_for(
            desk, SCENE, log, card.whose, Identified("card", proof.hsa_id, proof=proof), (f"old_{old}",)
        )
        return await say_done(ask, desk, SCENE, log, receipt, *views.done(new, old))


async def old_may_go(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, card: OwnCard, old: Certificate | None
) -> views.OldIs:
    """What becomes of the old one. Whoever walks away, or pulls the card, keeps it."""
    may_go = {one.certificate.der for one in removable(card.facts, desk.clock.now())}
    if old is None or old.der not in may_go:
        return "none" if old is None else "kept"
    try:
        if await ask(views.old(scene, old)) == "keep":
            return "kept"
        if await remove(ask, desk, scene, log, card, old):
            return "gone"
        await ask(certificate_removal_views.stays(scene))
        return "kept"
    except StopError as stopped:
        return "unknown" if stopped.outcome == "unknown" else "kept"
    except ErrandEndedError:
        return "kept"
