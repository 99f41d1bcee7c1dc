"""No envelope at hand: order a new code letter from the issuer, and say when and where it comes."""

from typing import assert_never

from kiosk.errands.unblock import letter_views as views
from kiosk.issuer.ports import Declined, LetterOrdered, Unavailable
from kiosk.ports import Ask, Ended, ErrandLog
from kiosk.steps.capabilities import Desk
from kiosk.steps.context import Scene
from kiosk.steps.own_card import OwnCard


async def order_letter(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, card: OwnCard) -> Ended:
    """Offer to order a letter for the card. Raises StopError where none can be ordered, ErrandCancelledError."""
    await ask(views.order(scene, card.whose))
    asking = desk.card_keys.order_letter(card.whose.card_number, errand=log.id)
    match await ask(views.ordering(scene), until=log.effect("letter.order", asking)):
        case LetterOrdered(arrives, where):
            ended = Ended("done", "letter_ordered")
            await log.end(ended)
            await ask(views.ordered(scene, arrives, where))
            return ended
        case Declined():
            raise views.declined(scene)
        case Unavailable() | str():
            raise views.unavailable(scene)
        case other:
            assert_never(other)
