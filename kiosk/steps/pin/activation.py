"""A new card gets its code, and is proved by a real signature under it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from drivers.reader.outcomes import Role
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Order, Visit
from kiosk.steps import slot_views
from kiosk.steps.context import ErrandContext
from kiosk.steps.handed_over import pledge_hand_over, proofs_of_hand_over
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin.after_tear import code_from_before
from kiosk.steps.pin.by_administrator import Mandate
from kiosk.steps.pin.card_authentication import authenticate_card, put_aside
from kiosk.steps.pin.card_test import find_untested, prove_card, run_test
from kiosk.steps.pin.letter import code_by_letter
from kiosk.steps.pin.unlocking import EFFECT, CodeLetter, CodeSet
from kiosk.steps.slot import ReturnReason, reopen_for_return

People = tuple[PersonProof, ...]
HEARD_CODES = ReturnReason(
    Outcome.NOT_GENUINE, slot_views.put_back_false, slot_views.new_card_heard_codes, is_false=True
)


async def activate(
    context: ErrandContext, order: Order, card: OwnCard, given: Mandate | None, identity: Identification
) -> CodeSet:
    """See that the card is genuine, set the holder's code, test the card. `given`: who attends, where somebody does.

    Where the code was set in an errand that was left half way, the holder only proves it. Raises StopError, CardPulledError and
    what else `ask` raises.
    """
    letter = CodeLetter(
        order, partial(context.caps.envelopes.verify, order), partial(authenticate_card, context, order)
    )
    await letter.require_genuine(card.visit)
    code_was_set = EFFECT in await context.log.progress()
    if not code_was_set:
        await _return_untested(context, order, card.visit)
    aside = partial(put_aside, context, order, returned=HEARD_CODES)
    prove = partial(prove_new_card, order=order, identity=identity, put_false_aside=aside)
    return await _set_and_prove(context, order, letter, card, given, prove, again=code_was_set)


async def prove_activated_card(
    context: ErrandContext, order: Order, card: OwnCard, given: Mandate | None, identity: Identification
) -> CodeSet:
    """Of a card that was activated on an earlier visit, here or elsewhere: its holder proves the code, or sets another, and the
    card signs. Raises as `activate`."""
    letter = CodeLetter(order, partial(context.caps.envelopes.verify, order))
    prove = partial(prove_again, order=order, identity=identity)
    return await _set_and_prove(context, order, letter, card, given, prove, again=True)


async def prove_again(
    context: ErrandContext, visit: Visit, code: Secret, order: Order, identity: Identification
) -> People:
    """Of a card that was activated before, that it works. Gives who stands behind its hand-over. Raises StopError."""
    untested = await prove_card(context, visit, code)
    if untested is not None:
        raise slot_views.new_card_untested(context, untested)
    return await proofs_of_hand_over(context.caps, order, identity, visit, code)


async def _set_and_prove(
    context: ErrandContext,
    order: Order,
    letter: CodeLetter,
    card: OwnCard,
    given: Mandate | None,
    prove: Callable[[ErrandContext, Visit, Secret], Awaitable[People]],
    *,
    again: bool,
) -> CodeSet:
    """The code from an earlier visit, or one that is set now; then the proof."""
    before = await code_from_before(context, card.visit, letter.require_genuine) if again else None
    code = None if before is None else CodeSet(before)
    while code is None:
        code = await code_by_letter(context, order, letter, card, given)
    shown = context.forward() if before is None and code.new else context.testing_alone()
    return replace(code, people=await prove(shown, card.visit, code.code))


async def prove_new_card(
    context: ErrandContext, visit: Visit, code: Secret, order: Order, identity: Identification,
    put_false_aside: Callable[[Visit, str], Awaitable[None]],
) -> People:  # fmt: skip
    """As `prove_card`, of a card that was in other hands: one that does not sign has heard the codes, and is put aside (which
    always raises); one that does is its holder's from now on. Gives who stands behind that."""
    match await run_test(context, visit, code, Role.IDENTIFICATION):
        case None:
            people = await proofs_of_hand_over(context.caps, order, identity, visit, code)
            pledge = pledge_hand_over(context, order, identity, people)
            await context.log.note(EventType.CARD_ACTIVATED, card_number=order.card_number, pledge=pledge)
            return people
        case "false_signature" | "did_not_sign" | "not_signable" | "other_code" as result:
            why = "false_signature" if result == "false_signature" else "did_not_sign"
            await _hold_true_card(context, order)
            await put_false_aside(visit, why)
            raise AssertionError("who puts a false card aside ends the errand")
        case reason:
            raise slot_views.new_card_untested(context, reason)


async def _return_untested(context: ErrandContext, order: Order, visit: Visit) -> None:
    """A card that could not be tested once it has its code goes back before it hears one. Raises ErrandEndedError."""
    reason = await find_untested(visit, Role.IDENTIFICATION)
    if reason is None:
        return
    await visit.close()
    if context.caps.cabinet is None:
        raise slot_views.new_card_untested(context, reason)
    back = ReturnReason(
        Outcome.NOT_TESTED, slot_views.put_back_untested, partial(slot_views.new_card_untested, reason=reason)
    )
    await reopen_for_return(context, order, back)


async def _hold_true_card(context: ErrandContext, order: Order) -> None:
    """Somebody has the card that this was a copy of, and may know its codes by now: it is made unusable at once."""
    hold = context.caps.blocking.hold(order.card_number, "code_known", by=None, errand=context.log.id)
    await context.log.effect(Effect.CARD_HOLD, hold, card_number=order.card_number)
