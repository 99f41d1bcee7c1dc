"""A new card gets its code, and is proved by a real signature under it."""

import secrets
from dataclasses import dataclass
from functools import partial
from typing import Literal

from drivers.reader.errors import CardAnswerError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Accepted, CodeOutcome, Role, Signed, SignOutcome, Unknown
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, EventType, Outcome
from kiosk.ports import Ask, ErrandLog, Order, Visit
from kiosk.steps import slot_views
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.proof_views import not_genuine
from kiosk.steps.pin import views
from kiosk.steps.pin.after_tear import code_from_before
from kiosk.steps.pin.card_authentication import authenticate_card, put_aside
from kiosk.steps.pin.unlocking import EFFECT, CodeLetter, CodeSet, set_code
from kiosk.steps.slot import ReturnReason

CHALLENGE_BYTES = 32
HEARD_CODES = ReturnReason(
    Outcome.NOT_GENUINE, slot_views.put_back_false, slot_views.new_card_heard_codes, is_false=True
)
_PURPOSE: dict[Role, Purpose] = {Role.IDENTIFICATION: "identification", Role.SIGNATURE: "signature"}


async def activate(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, order: Order, visit: Visit
) -> tuple[CodeSet, Visit]:
    """See that the card is genuine, set the holder's code, test the card. Returns the code and the visit that holds the card now
    (another after a tear).

    Where the code was set in an errand that was left half way, the holder only proves it. Closes the visit where it
    raises: StopError, CardPulledError and what else `ask` raises.
    """
    authenticate = partial(authenticate_card, ask, caps, context, log, order)
    letter = CodeLetter(order, partial(caps.envelopes.verify, order), authenticate)
    try:
        await authenticate(visit)
        before = await code_from_before(ask, context, visit) if EFFECT in await log.progress() else None
        known = None if before is None else CodeSet(before)
        while known is None:
            known, visit = await set_code(ask, caps, context, log, letter, visit)
        await _prove_new_card(ask, caps, context, log, order, visit, known.code)
        await log.note(EventType.CARD_ACTIVATED, card_number=order.card_number)
        return known, visit
    except BaseException:
        await visit.close()
        raise


async def prove_card(
    ask: Ask, context: ViewContext, log: ErrandLog, visit: Visit, code: Secret, role: Role = Role.IDENTIFICATION
) -> None:
    """Prove the code and the card: a random challenge signed by its key, checked against certificate and chain.

    Raises StopError where the card does not do what its certificate says.
    """
    failed = await _tested(ask, context, log, visit, code, role)
    if failed == "false_signature":
        await log.note(EventType.CARD_NOT_GENUINE, card_number=visit.facts.card_number, why=failed)
        raise not_genuine(context)
    if failed is not None:
        raise views.test_failed(context)


async def _prove_new_card(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, order: Order, visit: Visit, code: Secret
) -> None:
    """As `prove_card`, of a card that was in other hands: one that does not sign has heard the codes, and goes back."""
    match await _tested(ask, context, log, visit, code, Role.IDENTIFICATION):
        case "false_signature" | "did_not_sign" as why:
            await _hold_true_card(caps, log, order)
            await put_aside(ask, caps, context, log, order, visit, why, HEARD_CODES)
        case "certificate":
            raise views.test_failed(context)
        case None:
            return


async def _hold_true_card(caps: Capabilities, log: ErrandLog, order: Order) -> None:
    """Somebody has the card that this was a copy of, and may know its codes by now: it is made unusable at once."""
    hold = caps.blocking.hold(order.card_number, "code_known", by=None, errand=log.id)
    await log.effect(Effect.CARD_HOLD, hold, card_number=order.card_number)


async def _tested(
    ask: Ask, context: ViewContext, log: ErrandLog, visit: Visit, code: Secret, role: Role
) -> Literal["false_signature", "did_not_sign", "certificate"] | None:
    """None where the card signed the challenge under a certificate that holds. Raises StopError where it left meanwhile."""
    outcome = await ask(views.testing(context), until=_sign_challenge(visit, code, role))
    certificate = visit.facts.certificate(_PURPOSE[role])
    if isinstance(outcome, Unknown):
        raise views.torn_in_test(context)
    if isinstance(outcome, Signed) and certificate is not None and certificate.chain == "ok":
        return None
    await log.note(EventType.EFFECT_DONE, effect=Effect.CARD_TEST, outcome=Outcome.FAILED)
    if isinstance(outcome, FalseSignature):
        return "false_signature"
    return "certificate" if isinstance(outcome, Signed) else "did_not_sign"


@dataclass(frozen=True, slots=True)
class FalseSignature:
    """The card answered something that is no signature by its certificate's key."""


async def _sign_challenge(visit: Visit, code: Secret, role: Role) -> SignOutcome | CodeOutcome | FalseSignature:
    verified = await visit.verify(role, code)
    if not isinstance(verified, Accepted):
        return verified
    try:
        return await visit.sign(_PURPOSE[role], secrets.token_bytes(CHALLENGE_BYTES))
    except CardAnswerError:
        return FalseSignature()
