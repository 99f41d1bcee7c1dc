"""A new code in place of one that was just proved: typed twice, written by one command a code, and found out after a tear."""

from collections.abc import Mapping
from typing import Literal, assert_never

from drivers.reader.errors import CardChangedError, CardGoneError
from drivers.reader.outcomes import Accepted, CodeOutcome, Locked, RefusalReason, Refused, Role, Unknown, WrongCode
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect
from kiosk.ports import CardPulledError, ErrandCancelledError
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin import views
from kiosk.steps.pin.after_tear import find_current_code, wait_for_same_card
from kiosk.steps.pin.unlocking import NotSent, choose_new_code

EFFECT = Effect.CARD_CHANGE
Written = Literal["written", "not_written", "refused"]
"""Refused: the new code, and another has to be chosen."""


async def change_codes(context: ErrandContext, card: OwnCard, olds: Mapping[Role, Secret]) -> Mapping[Role, Secret]:
    """Set one new code in place of each of `olds`, and return what each is now: another for the second where the card refused
    the first one's. Raises StopError, CardPulledError."""
    codes: dict[Role, Secret] = {}
    new: Secret | None = None
    while len(codes) < len(olds):
        if new is None:
            new = await _another(context, card, olds)
        role = next(role for role in olds if role not in codes)
        written = await _write(context, card, role, olds[role], new)
        if written == "written":
            codes[role] = new
        elif written == "refused" or not codes:  # a second code that was not written gets what the first one has
            new = None
    return codes


async def _another(context: ErrandContext, card: OwnCard, olds: Mapping[Role, Secret]) -> Secret:
    """A new code that is none of the old ones. Going back from it leaves the errand: nothing is written yet."""
    while True:
        new = await choose_new_code(context, card.visit, next(iter(olds)))
        if new is None:
            raise ErrandCancelledError
        if all(new != old for old in olds.values()):
            return new
        await context.ask(views.same_as_old(context))


async def _write(context: ErrandContext, card: OwnCard, role: Role, old: Secret, new: Secret) -> Written:
    """One code written, or why not. Raises StopError, CardPulledError."""
    match await context.ask(views.writing(context), until=context.log.effect(EFFECT, _change(card, role, old, new))):
        case Accepted():
            return "written"
        case Unknown():
            await card.visit.close()
            card.visit = await wait_for_same_card(context, card.whose)
            current_code = await find_current_code(context, card.visit, role, new, EFFECT)
            return "not_written" if current_code is None else "written"
        case Refused(RefusalReason.POLICY | RefusalReason.NEW_CODE as reason):
            await context.ask(views.too_easy(context) if reason is RefusalReason.POLICY else views.new_refused(context))
            return "refused"
        case Locked():
            raise context.stop("card_locked", icon="lock-alert-outline")
        case WrongCode() | Refused():
            raise context.stop("card_refused")
        case NotSent() | str():
            raise CardPulledError
        case other:
            assert_never(other)


async def _change(card: OwnCard, role: Role, old: Secret, new: Secret) -> CodeOutcome | NotSent:
    try:
        return await card.visit.change(role, old, new)
    except (CardGoneError, CardChangedError):
        return NotSent()
