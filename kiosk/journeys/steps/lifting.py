"""A card found again: the hold on it is lifted, and it is exactly as it was."""

from typing import assert_never

from drivers.reader.outcomes import Role
from kiosk.issuer_ports import Declined, Found, Lifted, Unavailable
from kiosk.journeys import lost_views as views
from kiosk.journeys import own_views
from kiosk.journeys.desk import Desk
from kiosk.journeys.scene import Scene
from kiosk.journeys.steps.card import prove_code
from kiosk.journeys.steps.ending import receipt_for, say_done
from kiosk.journeys.steps.identify import Identified
from kiosk.journeys.steps.own import own_card
from kiosk.ports import Ask, Ended, ErrandLog


async def lift(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog) -> Ended:
    """The holder's own card and its code lift the hold. Raises StopError where it is not on hold or cannot be lifted."""
    async with own_card(ask, desk, scene, log, also_off=True) as card:
        record = card.register.card(card.whose.card_number) if isinstance(card.register, Found) else None
        if record is not None and record.state != "held":
            raise views.not_held(scene, record.state)
        await prove_code(ask, card.visit, Role.IDENTIFICATION, own_views.code(scene, card.facts))
        lifting = desk.blocking.lift(card.whose.card_number, by=card.whose.hsa_id, errand=log.id)
        match await ask(views.lifting(scene), until=log.effect("card.lift", lifting)):
            case Lifted():
                who = Identified("card", card.whose.hsa_id)
                receipt = await receipt_for(desk, scene, log, card.whose, who, ("lifted",))
                return await say_done(ask, desk, scene, log, receipt, *views.lifted())
            case Declined():
                raise views.lift_declined(scene)
            case Unavailable():
                raise views.lift_unavailable(scene)
            case str():
                raise AssertionError("a view without buttons has no answer")
            case other:
                assert_never(other)
