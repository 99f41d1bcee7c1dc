"""Ordering a new letter with the PUK, where the card cannot be unlocked now."""

from typing import assert_never

from fleet.messages.vocabulary import Effect, ErrandOutcome
from kiosk.errands.unblock import views
from kiosk.errands.unblock.views import LETTER
from kiosk.issuer.ports import LetterNoted, LetterOrdered, RequestDeclined, Unavailable
from kiosk.ports import Ask, ErrandLog
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.own_card import OwnCard


async def order_letter(ask: Ask, caps: Capabilities, log: ErrandLog, card: OwnCard, *, instead: bool = False) -> Ended:
    """Offer to order a letter for the card. `instead`: the issuer has nothing to unlock it with. Raises StopError where none can
    be ordered, ErrandCancelledError."""
    await ask(views.order(LETTER, card.whose, instead=instead))
    asking = caps.card_keys.order_letter(card.whose.card_number, errand=log.id)
    match await ask(views.ordering(LETTER), until=log.effect(Effect.LETTER_ORDER, asking)):
        case LetterOrdered(arrives, where):
            ended = Ended(ErrandOutcome.DONE, "letter_ordered")
            await log.end(ended)
            await ask(views.ordered(LETTER, arrives, where))
            return ended
        case LetterNoted():
            ended = Ended(ErrandOutcome.DONE, "letter_noted")
            await log.end(ended)
            await ask(views.noted(LETTER, caps.region.letters_by_hand, caps.clock.now()))
            return ended
        case RequestDeclined():
            raise views.declined(LETTER)
        case Unavailable() | str():
            raise views.unavailable(LETTER)
        case other:
            assert_never(other)
