"""A new code in place of one that was just proved: typed twice, written by one command a code, and found out after a tear."""

from collections.abc import Mapping
from typing import assert_never

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect
from kiosk.ports import Ask, CardPulledError, ErrandCancelledError, ErrandLog
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ViewContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin import views
from kiosk.steps.pin.after_tear import find_current_code, wait_for_same_card
from kiosk.steps.pin.unlocking import NotSent, choose_new_code

EFFECT = Effect.CARD_CHANGE


async def change_codes(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, card: OwnCard, olds: Mapping[Role, Secret]
) -> Secret:
    """Set one new code in place of each of `olds`, and return it. Raises StopError, CardPulledError."""
    done: set[Role] = set()
    new: Secret | None = None
    while True:
        if new is None:
            new = await _another(ask, context, card, olds)
        role = next(role for role in olds if role not in done)
        if not await _write(ask, caps, context, log, card, role, olds[role], new):
            new = new if done else None  # a second code that was not written gets what the first one has
            continue
        done.add(role)
        if len(done) == len(olds):
            return new


async def _another(ask: Ask, context: ViewContext, card: OwnCard, olds: Mapping[Role, Secret]) -> Secret:
    """A new code that is none of the old ones. Going back from it leaves the errand: nothing is written yet."""
    while True:
        new = await choose_new_code(ask, context, card.visit, next(iter(olds)))
        if new is None:
            raise ErrandCancelledError
        if all(new != old for old in olds.values()):
            return new
        await ask(views.same_as_old(context))


async def _write(
    ask: Ask,
    caps: Capabilities,
    context: ViewContext,
    log: ErrandLog,
    card: OwnCard,
    role: Role,
    old: Secret,
    new: Secret,
) -> bool:
    """One code written; False where the new one has to be chosen again. Raises StopError, CardPulledError."""
    match await ask(views.writing(context), until=log.effect(EFFECT, _change(card, role, old, new))):
        case Accepted():
            return True
        case Unknown():
            await card.visit.close()
            card.visit = await wait_for_same_card(ask, caps, context, card.whose)
            return await find_current_code(ask, context, log, card.visit, role, new, EFFECT) is not None
        case Refused(RefusalReason.POLICY):
            await ask(views.too_easy(context))
            return False
        case Locked():
            raise views.locked_meanwhile(context)
        case WrongCode() | Refused():
            raise views.card_refused(context)
        case NotSent() | str():
            raise CardPulledError
        case other:
            assert_never(other)


async def _change(card: OwnCard, role: Role, old: Secret, new: Secret) -> CodeOutcome | NotSent:
    try:
        return await card.visit.change(role, old, new)
    except (CardGoneError, CardChangedError):
        return NotSent()
