"""The code letter that is not at hand: who attends sets the code in its place, or a new letter is ordered."""

from dataclasses import replace
from typing import assert_never

from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import Effect, ErrandOutcome
from kiosk.issuer.ports import LetterNoted, LetterOrdered, RequestDeclined, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Order
from kiosk.steps.capabilities import StopError
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.identity.identification import RESERVE
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin import letter_views as views
from kiosk.steps.pin.by_administrator import Mandate, NothingReleasedError, set_code_by_mandate
from kiosk.steps.pin.unlocking import CodeLetter, CodeSet, NoLetterError, set_code
from kiosk.views import Tell


async def code_by_letter(
    context: ErrandContext, order: Order, letter: CodeLetter, card: OwnCard, given: Mandate | None
) -> CodeSet | None:
    """One round of a first code: with the PUK of the letter, or, where that is not at hand, by who attends. No code comes back
    where the round has to be made again. Raises StopError, CardPulledError."""
    if given is None or not given.replaces_letter:
        try:
            code, card.visit = await set_code(context, letter, card.visit)
            return code
        except NoLetterError:
            await go_without_letter(context, order, given, "waits")
            return None
    given.authenticate = letter.require_genuine
    context = given.context(context.forward())
    try:
        code = await set_code_by_mandate(context, card, given, Role.IDENTIFICATION)
        return None if code is None else replace(code, letter=False)
    except NothingReleasedError:
        raise await _come_back(context, order, given, "waits", instead=True) from None


async def go_without_letter(context: ErrandContext, order: Order, given: Mandate | None, card: views.CardPlace) -> None:
    """Have who attends set the code in place of the letter from now on. Raises StopError where nobody attends who may, or a new
    letter is ordered: then the errand goes on another day."""
    proof = None if given is None else given.administrator.proof
    if given is None or proof is None or not proof.by_server or order.product == RESERVE:
        raise context.stop("no_envelope")
    if await context.ask(views.without(context, given.administrator, needs_card=card != "slot")) == "letter":
        raise await _come_back(context, order, given, card)
    given.replaces_letter = True


async def _come_back(
    context: ErrandContext, order: Order, given: Mandate, card: views.CardPlace, *, instead: bool = False
) -> StopError:
    by = given.administrator.act
    reason, view = await order_letter(context, order, card, by=by, instead=instead)
    return StopError(ErrandOutcome.CANCELLED, reason, view)


async def order_letter(
    context: ErrandContext,
    whose: CardHolder,
    card: views.CardPlace,
    *,
    by: PersonProof | None = None,
    instead: bool = False,
) -> tuple[str, Tell]:
    """Order a letter for the card, once the person has said yes. Gives how the errand ends, and its last view. `by`: who attends;
    `instead`: the issuer has nothing to unlock it with. Raises StopError where none can be ordered, ErrandCancelledError."""
    await context.ask(views.order(context, whose, card, instead=instead))
    asking = context.caps.card_keys.order_letter(whose.card_number, errand=context.log.id, by=by)
    match await context.ask(views.ordering(context), until=context.log.effect(Effect.LETTER_ORDER, asking)):
        case LetterOrdered(arrives, where):
            return "letter_ordered", views.ordered(context, arrives, where, card)
        case LetterNoted():
            return "letter_noted", views.noted(
                context, context.caps.region.letters_by_hand, context.caps.clock.now(), card
            )
        case RequestDeclined():
            raise context.stop("letter_declined")
        case Unavailable() | str():
            raise context.stop("letter_unavailable", ErrandOutcome.FAULT, icon="cloud-off-outline")
        case other:
            assert_never(other)
