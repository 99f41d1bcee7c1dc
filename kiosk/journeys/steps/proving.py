"""Who may block a card: its holder with the card and its code, or an ID administrator with theirs."""

from dataclasses import replace

from drivers.reader.outcomes import Role
from kiosk.journeys import own_views
from kiosk.journeys.desk import Desk
from kiosk.journeys.scene import Scene, Whose
from kiosk.journeys.steps.card import prove_code
from kiosk.journeys.steps.identify import Identified, attended
from kiosk.journeys.steps.own import own_card
from kiosk.ports import Ask, ErrandLog


async def proved_card(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog) -> tuple[Whose, Identified]:
    """The holder's own card, proved by its code. Raises StopError where the code is locked or its last try is kept."""
    async with own_card(ask, desk, scene, log, also_off=True) as card:
        await prove_code(ask, card.visit, Role.IDENTIFICATION, own_views.code(scene, card.facts))
        return card.whose, Identified("card", card.whose.hsa_id)


async def vouched(ask: Ask, desk: Desk, scene: Scene) -> Identified:
    """An administrator attends, and has seen who the holder is."""
    who = await attended(ask, desk, scene)
    return replace(who, hsa_id=who.administrator.hsa_id if who.administrator else "")
