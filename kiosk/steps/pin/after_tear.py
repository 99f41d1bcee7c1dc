"""After a torn command: the same card met again, and the code that applies found out by the holder's own typing.

No code is ever sent to a card again by itself.
"""

from collections.abc import Awaitable, Callable
from typing import assert_never

from drivers.reader.outcomes import Accepted, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, ErrandOutcome, Outcome
from kiosk.ports import CardPulledError, Visit
from kiosk.steps.card import act_for_holder, ask_for_card
from kiosk.steps.context import CardHolder, ErrandContext
from kiosk.steps.pin import after_tear_views


async def taken_as_it_is(_visit: Visit) -> None:
    """The holder's own card, which was in nobody else's hands."""


async def find_current_code(
    context: ErrandContext,
    visit: Visit,
    role: Role,
    new: Secret,
    effect: Effect,
    require_genuine: Callable[[Visit], Awaitable[None]] = taken_as_it_is,
) -> Secret | None:
    """The new code if the card has it. Only the very code that was to be written proves that it was not. `require_genuine`: what
    the card goes through before it hears a code."""
    await require_genuine(visit)
    while True:
        code = await context.ask(after_tear_views.check_code(context, visit.facts.pin(role)))
        assert isinstance(code, Secret), "the only other way out of a code question is to cancel"
        await require_genuine(visit)
        match await visit.verify(role, code):
            case Accepted():
                await context.log.settled(effect, Outcome.WRITTEN)
                return code
            case WrongCode() if code == new:
                await context.log.settled(effect, Outcome.NOT_WRITTEN)
                await context.ask(after_tear_views.not_written(context))
                return None
            case WrongCode(left):
                await context.ask(after_tear_views.mistyped(context, left))
            case Refused(RefusalReason.SAME_CODE, tries_left=left):
                await context.ask(after_tear_views.mistyped(context, left, same=True))
            case Unknown():
                raise CardPulledError
            case Locked() | Refused():
                return None  # the PUK sets a code whichever applies now
            case other:
                assert_never(other)


async def wait_for_same_card(context: ErrandContext, whose: CardHolder) -> Visit:
    """Meet the card of that number again, however many others are put in. Raises StopError where it is gone."""
    fresh = False
    while True:
        visit = await ask_for_card(
            context.ask, context.caps.reader, lambda why: after_tear_views.pulled(context, why), fresh=fresh
        )
        if isinstance(visit, str):
            raise context.stop("card_gone", ErrandOutcome.UNKNOWN, badge="failure", icon="smart-card-off-outline")
        if visit.facts.card_number == whose.card_number:
            return act_for_holder(visit, whose.hsa_id)
        await visit.close()
        fresh = True


async def code_from_before(
    context: ErrandContext, visit: Visit, require_genuine: Callable[[Visit], Awaitable[None]]
) -> Secret | None:
    """The code that was set in an errand left half way; None where it was forgotten or is not it: then the PUK sets another."""
    code = await context.ask(after_tear_views.code_from_before(context, visit.facts.pin(Role.IDENTIFICATION)))
    await require_genuine(visit)
    if isinstance(code, Secret) and isinstance(await visit.verify(Role.IDENTIFICATION, code), Accepted):
        return code
    return None
