"""Journey of `unblock`: say first whether this product may be unblocked here and what it costs, then PUK, new code, test.

Rules: docs/rules.md, "Which product may be unlocked". Without the envelope an administrator attends, or a letter is ordered.
"""

from drivers.reader.outcomes import Role
from kiosk.errands.unblock import views
from kiosk.errands.unblock.views import CARD, CODE, CONTEXT, LETTER
from kiosk.errands.unblock.ways import choose_way, choose_without
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard, lead_to_hand_over, own_card, refuse_read_only
from kiosk.steps.pin.by_administrator import Mandate, NothingReleasedError, mandate, set_code_by_mandate
from kiosk.steps.pin.card_test import first_reason, prove_card, tell_untested
from kiosk.steps.pin.letter import order_letter
from kiosk.steps.pin.unlocking import CodeLetter, CodeSet, NoLetterError, card_decides, set_code
from kiosk.steps.receipt import receipt_for, say_done


async def unblock(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    return await _unblock(context)


async def unlock_without_letter(context: ErrandContext) -> Ended:
    """The same errand for who has been told that the card in the reader is locked, and has no letter. Raises as `unblock`."""
    return await _unblock(context, letter=False)


async def _unblock(context: ErrandContext, *, letter: bool = True) -> Ended:
    async with own_card(context.go_to(CARD), views.insert) as card:
        refuse_read_only(CARD, card.facts)
        if (ended := await lead_to_hand_over(context.go_to(CARD), card)) is not None:
            return ended
        roles = _locked(card)
        way = await choose_way(context, card, roles)
        if way == "unblock" and not letter:
            way = await choose_without(context, card)
        if way != "letter":
            await tell_untested(context.go_to(CARD), card.visit, roles)
        try:
            return await _by(context, way, card, roles)
        except NoLetterError:
            return await _by(context, await choose_without(context, card), card, roles)


async def _by(context: ErrandContext, way: str, card: OwnCard, roles: tuple[Role, ...]) -> Ended:
    """The chosen way, to its end."""
    if way == "letter":
        return await _order_letter(context, card)
    given = await mandate(context.go_to(CODE), card) if way == "administrator" else None
    try:
        codes = [await _unlock(context, card, role, given) for role in roles]
    except NothingReleasedError:
        return await _order_letter(context, card, instead=True)
    untested = first_reason(code.untested for code in codes)
    kept = next((code.remarks for code in codes if not code.new), ())
    identity = given.who if given else Identification("card", card.whose.hsa_id)
    receipt = await receipt_for(context.go_to(CONTEXT), card.whose, identity, kept, untested)
    words = views.done(envelope=given is None, new=not kept, untested=untested)
    return await say_done(context.go_to(CONTEXT), receipt, *words, untested)


async def _order_letter(context: ErrandContext, card: OwnCard, *, instead: bool = False) -> Ended:
    reason, view = await order_letter(context.go_to(LETTER), card.whose, "locked", instead=instead)
    ended = await context.end(reason)
    await context.ask(view)
    return ended


def _locked(card: OwnCard) -> tuple[Role, ...]:
    """The codes that are locked; the identification code where none is (a code that was forgotten can be set anew)."""
    roles = (Role.IDENTIFICATION, Role.SIGNATURE)
    return tuple(role for role in roles if card.facts.is_locked(role)) or (Role.IDENTIFICATION,)


async def _unlock(context: ErrandContext, card: OwnCard, role: Role, given: Mandate | None) -> CodeSet:
    """Rounds of PUK (or mandate) and new code until the card has it, and its key has proved it, or could not be tested."""
    letter = CodeLetter(card.whose, card_decides)
    context = context.go_to(CODE) if given is None else given.context(context.go_to(CODE).forward())
    code_set = None
    while code_set is None:
        if given is not None:
            code_set = await set_code_by_mandate(context, card, given, role)
        else:
            code_set, card.visit = await set_code(context, letter, card.visit, role)
    shown = context.forward() if code_set.new else context.testing_alone()
    return code_set.after_test(await prove_card(shown, card.visit, code_set.code, role))
