"""Card test: a random challenge signed by the card's key under the holder's code, and what is known of it before any code.

Rules: a card is called broken only where its signature is false, or where it signs nothing although it is known how its product
does. One that cannot be tested here, or whose issuer is not trusted here, is told as that: before its code is touched, and in the
end. Who somebody is, is proved elsewhere (`kiosk.steps.identity`), by a certificate that holds.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from drivers.reader.apdu import StatusWord
from drivers.reader.errors import CardAnswerError, ReaderError
from drivers.reader.model import Purpose
from drivers.reader.outcomes import Accepted, CodeOutcome, RefusalReason, Refused, Role, Signed, SignOutcome, Unknown
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.ports import CardPulledError, Visit
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.proof_views import not_genuine
from kiosk.steps.pin import views
from kiosk.steps.pin.card_test_views import CannotTest, Untested, cannot_test

CHALLENGE_BYTES = 32
_PURPOSE: dict[Role, Purpose] = {Role.IDENTIFICATION: "identification", Role.SIGNATURE: "signature"}


async def find_untested(visit: Visit, role: Role) -> CannotTest | None:
    """Why the card cannot be tested here, as far as that is known before a code. Raises CardPulledError."""
    try:
        signs = await visit.signability(_PURPOSE[role])
    except ReaderError:
        raise CardPulledError from None
    certificate = visit.facts.certificate(_PURPOSE[role])
    if certificate is None or signs == "no_key":
        return "no_certificate"
    if not certificate.key_known:
        return "key_kind"
    if certificate.chain != "ok":
        return certificate.chain
    return "not_signable" if signs == "doubtful" else None


async def tell_untested(context: ErrandContext, visit: Visit, roles: Iterable[Role]) -> None:
    """Say, before a code is touched, why the card will not be tested here. Raises CardPulledError, ErrandCancelledError."""
    reasons = [await find_untested(visit, role) for role in roles]
    reason = next((reason for reason in reasons if reason is not None), None)
    if reason is not None:
        await context.ask(cannot_test(context, reason))


def first_reason(results: Iterable[Untested | None]) -> Untested | None:
    """The first of several codes' that is a reason."""
    return next((result for result in results if result is not None), None)


async def prove_card(
    context: ErrandContext, visit: Visit, code: Secret, role: Role = Role.IDENTIFICATION
) -> Untested | None:
    """Prove the code and the card; what was left untested, or None.

    Raises StopError where the card does not do what its certificate says, or left meanwhile.
    """
    result = await run_test(context, visit, code, role)
    if result == "false_signature":
        await context.log.note(EventType.CARD_NOT_GENUINE, card_number=visit.facts.card_number, why=result)
        raise not_genuine(context)
    if result == "did_not_sign":
        raise context.stop("test_failed", ErrandOutcome.FAULT, badge="failure")
    return result


TestResult = Untested | Literal["false_signature", "did_not_sign"]


async def run_test(context: ErrandContext, visit: Visit, code: Secret, role: Role) -> TestResult | None:
    """None where the card signed the challenge under a certificate that holds. Raises StopError where it left meanwhile."""
    outcome = await context.ask(views.testing(context), until=_sign_challenge(visit, code, role))
    if isinstance(outcome, Unknown):
        raise views.torn_in_test(context)
    result = _judge(outcome, visit, role)
    if result in ("false_signature", "did_not_sign"):
        await context.log.note(EventType.EFFECT_DONE, effect=Effect.CARD_TEST, outcome=Outcome.FAILED)
    return result


def _judge(outcome: object, visit: Visit, role: Role) -> TestResult | None:
    certificate = visit.facts.certificate(_PURPOSE[role])
    match outcome:
        case FalseSignature():
            return "false_signature"
        case _ if certificate is None:
            return "no_certificate"
        case Signed():
            return None if certificate.chain == "ok" else certificate.chain
        case Refused(RefusalReason.CARD, StatusWord.SECURITY_NOT_SATISFIED) | Refused(RefusalReason.CHANGE_FIRST):
            return "other_code"
        case Refused(RefusalReason.NO_FORM, StatusWord.CONDITIONS_NOT_SATISFIED):
            return "other_code"
        case Refused(RefusalReason.KEY_KIND):
            return "key_kind"
        case Refused(RefusalReason.NO_FORM | RefusalReason.NOT_ALLOWED):
            return "not_signable"
        case _:
            return "did_not_sign"


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
