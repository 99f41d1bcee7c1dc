"""A new code for a new card: PUK from the envelope, the code twice, written in one command, proved by a real signature.

No code is ever sent to a card again by itself: after a torn command the card is met again, and the person types once more.
"""

import secrets
from dataclasses import dataclass
from typing import assert_never

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.outcomes import (
    Accepted,
    CodeOutcome,
    Locked,
    RefusalReason,
    Refused,
    Role,
    Signed,
    SignOutcome,
    Unknown,
    WrongCode,
)
from drivers.secret import Secret
from fleet.messages import kinds
from kiosk.journeys import code_views as views
from kiosk.journeys import tear_views
from kiosk.journeys.desk import Desk
from kiosk.journeys.order_views import no_envelope
from kiosk.journeys.steps.card import ask_for_card
from kiosk.policy import PinPolicy
from kiosk.ports import Ask, CardPulledError, EnvelopeVerdict, ErrandLog, Order, Visit

CHALLENGE_BYTES = 32


@dataclass(frozen=True, slots=True)
class NotSent:
    """The card left, or was another one, before any code went out: nothing has happened to it."""


async def activate(ask: Ask, desk: Desk, log: ErrandLog, order: Order, visit: Visit) -> Visit:
    """Set the holder's code and test the card. Returns the visit that holds the card now (another one after a tear).

    Where the code was set in an errand that was left half way, the holder only proves it. Closes the visit where it
    raises: StopError, CardPulledError and what else `ask` raises.
    """
    try:
        new = await _known_code(ask, visit) if "card.unblock" in await log.progress() else None
        while new is None or not await _tested(ask, log, order, visit, new):
            new, visit = await _set_code(ask, desk, log, order, visit)
        return visit
    except BaseException:
        await visit.close()
        raise


async def _known_code(ask: Ask, visit: Visit) -> Secret | None:
    """The code that was set before; None where it was forgotten or is not it: then the PUK sets another."""
    code = await ask(tear_views.code_from_before())
    if isinstance(code, Secret) and isinstance(await visit.verify(Role.IDENTIFICATION, code), Accepted):
        return code
    return None


async def _set_code(ask: Ask, desk: Desk, log: ErrandLog, order: Order, visit: Visit) -> tuple[Secret | None, Visit]:
    """One round of PUK and new code. No code comes back where the round has to be made again."""
    puk = await _puk(ask, desk, order)
    new = await _new_code(ask, visit)
    if new is None or await ask(views.write(order)) == "back":
        return None, visit
    writing = log.effect("card.unblock", _unblock(visit, puk, new))
    match await ask(views.writing(), until=writing):
        case Accepted():
            return new, visit
        case WrongCode(entries_left=0):
            raise views.puk_floor()
        case WrongCode(entries_left=left):
            await ask(views.wrong_puk(order, left))
        case Unknown():
            return await _after_tear(ask, desk, log, order, visit, new)
        case Locked():
            raise views.puk_locked()
        case Refused(RefusalReason.BELOW_FLOOR):
            raise views.puk_floor()
        case Refused():
            raise views.card_refused()
        case NotSent() | str():
            raise CardPulledError
        case other:
            assert_never(other)
    return None, visit


async def _unblock(visit: Visit, puk: Secret, new: Secret) -> CodeOutcome | NotSent:
    try:
        return await visit.unblock(Role.IDENTIFICATION, puk, new)
    except (CardGoneError, CardChangedError):
        return NotSent()


async def _puk(ask: Ask, desk: Desk, order: Order) -> Secret:
    """Ask for the PUK until its verifier says that it is this envelope's (or leaves that to the card)."""
    while True:
        puk = await ask(views.puk(order))
        if not isinstance(puk, Secret):
            raise no_envelope()
        verdict = await ask(views.checking(), until=desk.envelopes.verify(order, puk))
        match EnvelopeVerdict(verdict):
            case EnvelopeVerdict.MATCH | EnvelopeVerdict.CARD_DECIDES:
                return puk
            case EnvelopeVerdict.NO_MATCH:
                await ask(views.wrong_puk(order, None))
            case EnvelopeVerdict.TOO_MANY:
                raise views.too_many_guesses()
            case EnvelopeVerdict.UNAVAILABLE:
                await ask(views.verifier_silent())


async def _new_code(ask: Ask, visit: Visit) -> Secret | None:
    """The new code, typed twice; None where the person went back to the PUK."""
    pin = visit.facts.pin(Role.IDENTIFICATION)
    policy = PinPolicy(pin.min_length, pin.max_length) if pin else PinPolicy()
    differed = False
    while True:
        first = await ask(views.new_code(policy, differed=differed))
        if not isinstance(first, Secret):
            return None
        again = await ask(views.repeat_code(policy))
        if isinstance(again, Secret) and first == again:
            return first
        differed = isinstance(again, Secret)


async def _after_tear(
    ask: Ask, desk: Desk, log: ErrandLog, order: Order, visit: Visit, new: Secret
) -> tuple[Secret | None, Visit]:
    """The write broke off. Meet the same card again and find out, by the holder's own typing, which code applies."""
    await visit.close()
    visit = await _same_card(ask, desk, order)
    try:
        return await _which_code(ask, log, visit, new), visit
    except BaseException:
        await visit.close()
        raise


async def _which_code(ask: Ask, log: ErrandLog, visit: Visit, new: Secret) -> Secret | None:
    """The new code if the card has it. Only the very code that was to be written proves that it was not."""
    while True:
        code = await ask(tear_views.check_code())
        assert isinstance(code, Secret), "the only other way out of a code question is to cancel"
        match await visit.verify(Role.IDENTIFICATION, code):
            case Accepted():
                await log.settled("card.unblock", "written")
                return code
            case WrongCode() if code == new:
                await log.settled("card.unblock", "not_written")
                await ask(tear_views.not_written())
                return None
            case WrongCode(left):
                await ask(tear_views.mistyped(left))
            case Unknown():
                raise CardPulledError
            case Locked() | Refused():
                return None  # the PUK sets a code whichever applies now
            case other:
                assert_never(other)


async def _same_card(ask: Ask, desk: Desk, order: Order) -> Visit:
    fresh = False
    while True:
        visit = await ask_for_card(ask, desk.reader, tear_views.pulled, fresh=fresh)
        if isinstance(visit, str):
            raise tear_views.left_unknown()
        if visit.facts.card_number == order.card_number:
            return visit
        await visit.close()
        fresh = True


async def _tested(ask: Ask, log: ErrandLog, order: Order, visit: Visit, code: Secret) -> bool:
    """Prove the new code and the card: a random challenge signed by its key, checked against certificate and chain."""
    outcome = await ask(views.testing(), until=_sign_challenge(visit, code))
    certificate = visit.facts.certificate("identification")
    if isinstance(outcome, Unknown):
        raise views.torn_in_test()
    if not isinstance(outcome, Signed) or certificate is None or certificate.chain != "ok":
        await log.note(kinds.EFFECT_DONE, effect="card.test", outcome="failed")
        raise views.test_failed()
    await log.note(kinds.CARD_ACTIVATED, card_number=order.card_number)
    return True


async def _sign_challenge(visit: Visit, code: Secret) -> SignOutcome | CodeOutcome:
    verified = await visit.verify(Role.IDENTIFICATION, code)
    if not isinstance(verified, Accepted):
        return verified
    return await visit.sign("identification", secrets.token_bytes(CHALLENGE_BYTES))
