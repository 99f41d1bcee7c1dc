"""Journey of `unblock`: say first whether this product may be unblocked here and what it costs, then PUK, new code, test.

Rules: docs/rules.md, "Which product may be unlocked". Without the envelope an administrator attends, or a letter is ordered.
"""

from typing import assert_never

from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import Effect, ErrandOutcome
from kiosk.errands.unblock import views
from kiosk.errands.unblock.views import CARD, CONTEXT
from kiosk.errands.unblock.ways import choose_way
from kiosk.issuer.ports import LetterNoted, LetterOrdered, RequestDeclined, Unavailable
from kiosk.ports import Ask, ErrandLog
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.context import ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard, own_card, refuse_read_only
from kiosk.steps.pin.by_administrator import Mandate, NothingReleasedError, mandate, set_code_by_mandate
from kiosk.steps.pin.card_test import first_reason, prove_card, tell_untested
from kiosk.steps.pin.unlocking import CodeLetter, CodeSet, card_decides, set_code
from kiosk.steps.receipt import receipt_for, say_done

CODE, LETTER = CONTEXT.at(2, 3), CONTEXT.at(2, 2)


async def unblock(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(ask, caps, CARD, log) as card:
        refuse_read_only(CARD, card.facts)
        roles = _locked(card)
        way = await choose_way(ask, caps, card, roles)
        if way == "letter":
            return await order_letter(ask, caps, LETTER, log, card)
        await tell_untested(ask, CARD, card.visit, roles)
        given = await mandate(ask, caps, CARD, log, card) if way == "administrator" else None
        try:
            codes = [await _unlock(ask, caps, log, card, role, given) for role in roles]
        except NothingReleasedError:
            return await order_letter(ask, caps, LETTER, log, card, instead=True)
        untested = first_reason(code.untested for code in codes)
        kept = next((code.remarks for code in codes if not code.new), ())
        who = given.who if given else Identification("card", card.whose.hsa_id)
        receipt = await receipt_for(caps, CONTEXT, log, card.whose, who, kept, untested)
        said = views.done(envelope=given is None, new=not kept, untested=untested)
        return await say_done(ask, caps, CONTEXT, log, receipt, *said, untested)


def _locked(card: OwnCard) -> tuple[Role, ...]:
    """The codes that are locked; the identification code where none is (a code that was forgotten can be set anew)."""
    roles = (Role.IDENTIFICATION, Role.SIGNATURE)
    return tuple(role for role in roles if card.facts.is_locked(role)) or (Role.IDENTIFICATION,)


async def _unlock(
    ask: Ask, caps: Capabilities, log: ErrandLog, card: OwnCard, role: Role, given: Mandate | None
) -> CodeSet:
    """Rounds of PUK (or mandate) and new code until the card has it, and its key has proved it, or could not be tested."""
    letter = CodeLetter(card.whose, card_decides)
    context = CODE if given is None else given.context(CODE)
    known = None
    while known is None:
        if given is not None:
            known = await set_code_by_mandate(ask, caps, context, log, card, given, role)
        else:
            known, card.visit = await set_code(ask, caps, context, log, letter, card.visit, role)
    shown = context if known.new else context.testing_alone()
    return known.after_test(await prove_card(ask, shown, log, card.visit, known.code, role))


async def order_letter(
    ask: Ask, caps: Capabilities, context: ViewContext, log: ErrandLog, card: OwnCard, *, instead: bool = False
) -> Ended:
    """Offer to order a letter for the card. `instead`: the issuer has nothing to unlock it with. Raises StopError where none can
    be ordered, ErrandCancelledError."""
    await ask(views.order(context, card.whose, instead=instead))
    asking = caps.card_keys.order_letter(card.whose.card_number, errand=log.id)
    match await ask(views.ordering(context), until=log.effect(Effect.LETTER_ORDER, asking)):
        case LetterOrdered(arrives, where):
            ended = Ended(ErrandOutcome.DONE, "letter_ordered")
            await log.end(ended)
            await ask(views.ordered(context, arrives, where))
            return ended
        case LetterNoted():
            ended = Ended(ErrandOutcome.DONE, "letter_noted")
            await log.end(ended)
            await ask(views.noted(context, caps.region.letters_by_hand, caps.clock.now()))
            return ended
        case RequestDeclined():
            raise views.declined(context)
        case Unavailable() | str():
            raise views.unavailable(context)
        case other:
            assert_never(other)
