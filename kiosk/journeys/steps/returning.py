"""Which card is returned, and what that may lead to: by its chip and code, by its chip alone, or by its printed number."""

from dataclasses import dataclass

from drivers.reader.outcomes import Role
from kiosk.issuer_ports import Found, NotFound, Unavailable
from kiosk.journeys import own_views
from kiosk.journeys import return_views as views
from kiosk.journeys.desk import Desk
from kiosk.journeys.scene import Scene, Subject
from kiosk.journeys.steps.card import ask_for_card, emptied, prove_code
from kiosk.journeys.steps.identify import Identified
from kiosk.journeys.steps.own import OwnCard, met
from kiosk.journeys.steps.printed import printed_card
from kiosk.ports import Ask, ErrandLog


@dataclass(frozen=True, slots=True)
class Returning:
    """A card on its way back. `who.hsa_id` is empty where nobody has proved anything: then nothing is blocked for good."""

    whose: Subject
    who: Identified
    may_keep: bool
    """Another assignment in the region follows."""


async def returning(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog) -> Returning:
    """The card, out of the reader again. Raises StopError where its number is not known."""
    visit = await ask_for_card(ask, desk.reader, lambda why: views.insert(scene, why))
    if isinstance(visit, str):
        printed = await printed_card(ask, desk, scene, log)
        return Returning(printed.whose, Identified("number"), _may_keep(printed.register))
    async with met(desk, log, visit) as card:
        hsa_id = card.whose.hsa_id if await _proved(ask, scene, card) else ""
        back = Returning(card.whose, Identified("card" if hsa_id else "number", hsa_id), _may_keep(card.register))
    await ask(views.take(scene), until=emptied(desk.reader))
    return back


async def _proved(ask: Ask, scene: Scene, card: OwnCard) -> bool:
    """Whether the holder's own code was given, where it can be."""
    pin = card.facts.pin(Role.IDENTIFICATION)
    if pin is None or pin.state == "locked" or await ask(views.know_code(scene)) != "yes":
        return False
    await prove_code(ask, card.visit, Role.IDENTIFICATION, own_views.code(scene, card.facts))
    return True


def _may_keep(register: Found | NotFound | Unavailable) -> bool:
    return isinstance(register, Found) and register.person is not None and register.person.continued
