"""Journey of `unblock`: say first whether this product may be unblocked here and what it costs, then PUK, new code, test.

Rules: docs/rules.md, "Which product may be unlocked". Without the envelope an administrator attends, or a letter is ordered.
"""

from drivers.reader.outcomes import Role
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.unblock import views
from kiosk.errands.unblock.views import CARD, CODE, CONTEXT, LETTER
from kiosk.errands.unblock.ways import choose_way, choose_without
from kiosk.ports import Ask, ErrandLog
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard, lead_to_hand_over, own_card, refuse_read_only
from kiosk.steps.pin.by_administrator import Mandate, NothingReleasedError, mandate, set_code_by_mandate
from kiosk.steps.pin.card_test import first_reason, prove_card, tell_untested
from kiosk.steps.pin.letter import order_letter
from kiosk.steps.pin.unlocking import CodeLetter, CodeSet, NoLetterError, card_decides, set_code
from kiosk.steps.receipt import receipt_for, say_done


async def unblock(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    return await _unblock(ask, caps, log)


async def unlock_without_letter(ask: Ask, caps: Capabilities, log: ErrandLog) -> Ended:
    """The same errand for who has been told that the card in the reader is locked, and has no letter. Raises as `unblock`."""
    return await _unblock(ask, caps, log, letter=False)


async def _unblock(ask: Ask, caps: Capabilities, log: ErrandLog, *, letter: bool = True) -> Ended:
    async with own_card(ask, caps, CARD, log, views.insert) as card:
        refuse_read_only(CARD, card.facts)
        if (ended := await lead_to_hand_over(ask, caps, CARD, log, card)) is not None:
            return ended
        roles = _locked(card)
        way = await choose_way(ask, caps, card, roles)
        if way == "unblock" and not letter:
            way = await choose_without(ask, caps, card)
        if way != "letter":
            await tell_untested(ask, CARD, card.visit, roles)
        try:
            return await _by(way, ask, caps, log, card, roles)
        except NoLetterError:
            return await _by(await choose_without(ask, caps, card), ask, caps, log, card, roles)


async def _by(way: str, ask: Ask, caps: Capabilities, log: ErrandLog, card: OwnCard, roles: tuple[Role, ...]) -> Ended:
    """The chosen way, to its end."""
    if way == "letter":
        return await _order_letter(ask, caps, log, card)
    given = await mandate(ask, caps, CODE, log, card) if way == "administrator" else None
    try:
        codes = [await _unlock(ask, caps, log, card, role, given) for role in roles]
    except NothingReleasedError:
        return await _order_letter(ask, caps, log, card, instead=True)
    untested = first_reason(code.untested for code in codes)
    kept = next((code.remarks for code in codes if not code.new), ())
    who = given.who if given else Identification("card", card.whose.hsa_id)
    receipt = await receipt_for(caps, CONTEXT, log, card.whose, who, kept, untested)
    said = views.done(envelope=given is None, new=not kept, untested=untested)
    return await say_done(ask, caps, CONTEXT, log, receipt, *said, untested)


async def _order_letter(ask: Ask, caps: Capabilities, log: ErrandLog, card: OwnCard, *, instead: bool = False) -> Ended:
    reason, view = await order_letter(ask, caps, LETTER, log, card.whose, "locked", instead=instead)
    ended = Ended(ErrandOutcome.DONE, reason)
    await log.end(ended)
    await ask(view)
    return ended


def _locked(card: OwnCard) -> tuple[Role, ...]:
    """The codes that are locked; the identification code where none is (a code that was forgotten can be set anew)."""
    roles = (Role.IDENTIFICATION, Role.SIGNATURE)
    return tuple(role for role in roles if card.facts.is_locked(role)) or (Role.IDENTIFICATION,)


async def _unlock(
    ask: Ask, caps: Capabilities, log: ErrandLog, card: OwnCard, role: Role, given: Mandate | None
) -> CodeSet:
    """Rounds of PUK (or mandate) and new code until the card has it, and its key has proved it, or could not be tested."""
    letter = CodeLetter(card.whose, card_decides)
    context = CODE if given is None else given.context(CODE.forward())
    known = None
    while known is None:
        if given is not None:
            known = await set_code_by_mandate(ask, caps, context, log, card, given, role)
        else:
            known, card.visit = await set_code(ask, caps, context, log, letter, card.visit, role)
    shown = context.forward() if known.new else context.testing_alone()
    return known.after_test(await prove_card(ask, shown, log, card.visit, known.code, role))
