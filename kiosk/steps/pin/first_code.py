"""First code of a card that came by post: set as its product wants, then proved by a real signature.

With the PUK of its letter, from the start PIN that it came with, or by the administrator who attends (`CardRules.first_code`).
The card lay in no slot: a false one is told to the fleet, and stays with the holder and the administrator.
"""

from dataclasses import replace
from functools import partial
from typing import assert_never

from drivers.reader.outcomes import CardNotAuthenticated, Role
from fleet.messages.vocabulary import Effect, EventType
from kiosk.ports import Order, Visit
from kiosk.steps import slot_views
from kiosk.steps.card import prove_code
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin import views
from kiosk.steps.pin.activation import prove_again, prove_new_card
from kiosk.steps.pin.after_tear import code_from_before
from kiosk.steps.pin.by_administrator import Mandate, set_code_by_mandate
from kiosk.steps.pin.card_authentication import challenge_card
from kiosk.steps.pin.card_test import find_untested
from kiosk.steps.pin.changing import change_codes
from kiosk.steps.pin.letter import code_by_letter
from kiosk.steps.pin.unlocking import CodeLetter, CodeSet

SETS_CODE = frozenset({Effect.CARD_UNBLOCK, Effect.CARD_CHANGE})


async def set_first_code(context: ErrandContext, order: Order, card: OwnCard, given: Mandate) -> CodeSet:
    """See that the card is genuine and can be tested here, set the holder's code, test the card.

    Where the code was set in an errand that was left half way, or the receipt alone is owed, the holder only proves it. Raises
    StopError, CardPulledError.
    """
    letter = CodeLetter(order, partial(context.caps.envelopes.verify, order), partial(_require_genuine, context))
    await letter.require_genuine(card.visit)
    again = order.receipt_owed or bool(SETS_CODE & await context.log.progress())
    if not again and (reason := await find_untested(card.visit, Role.IDENTIFICATION)) is not None:
        raise slot_views.new_card_untested(context, reason)
    before = await code_from_before(context, card.visit, letter.require_genuine) if again else None
    if again and before is None and card.facts.rules.first_code == "start-pin":
        raise context.stop("first_code_forgotten", icon="lock-alert-outline")
    code = None if before is None else CodeSet(before)
    while code is None:
        code = await _one_round(context, order, letter, card, given)
    shown = context.forward() if before is None and code.new else context.testing_alone()
    if order.receipt_owed:
        people = await prove_again(shown, card.visit, code.code, order, given.who)
    else:
        aside = partial(_tell_false, context)
        people = await prove_new_card(shown, card.visit, code.code, order, given.who, aside)
    return replace(code, people=people)


async def _one_round(
    context: ErrandContext, order: Order, letter: CodeLetter, card: OwnCard, given: Mandate
) -> CodeSet | None:
    match card.facts.rules.first_code:
        case "puk":
            return await code_by_letter(context, order, letter, card, given)
        case "administrator":
            return await set_code_by_mandate(context.forward(), card, given, Role.IDENTIFICATION)
        case "start-pin":
            words = views.start_code(context, card.facts)
            start = await prove_code(context.ask, card.visit, Role.IDENTIFICATION, words)
            olds = {Role.IDENTIFICATION: start}
            codes = await change_codes(context.forward(), card, olds)
            return CodeSet(codes[Role.IDENTIFICATION])
        case other:
            assert_never(other)


async def _require_genuine(context: ErrandContext, visit: Visit) -> None:
    """Of a card that can show before any code that it is genuine. Raises StopError, CardPulledError."""
    outcome = await challenge_card(context, visit)
    if isinstance(outcome, CardNotAuthenticated):
        await context.log.note(EventType.CARD_NOT_GENUINE, card_number=visit.facts.card_number, why=outcome.why)
        raise slot_views.new_card_not_genuine(context)


async def _tell_false(context: ErrandContext, visit: Visit, why: str) -> None:
    """Always raises StopError: the card has heard the codes."""
    await context.log.note(EventType.CARD_NOT_GENUINE, card_number=visit.facts.card_number, why=why)
    raise slot_views.new_card_heard_codes(context)
