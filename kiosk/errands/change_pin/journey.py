"""Change the code: the one that the card has, then a new one, twice; written, and proved by a real signature.

Rules: a card with two codes asks which, or changes both to one where its product allows that; one that cannot be tested here is
told so before its code is touched.
"""

from drivers.reader.outcomes import Role
from kiosk.errands.change_pin import views
from kiosk.ports import Ask
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import Ended
from kiosk.steps.card import prove_code
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.identification import Identification
from kiosk.steps.own_card import OwnCard, lead_to_hand_over, own_card, refuse_read_only
from kiosk.steps.pin.by_administrator import mandate
from kiosk.steps.pin.card_test import first_reason, prove_card, tell_untested
from kiosk.steps.pin.changing import change_codes
from kiosk.steps.pin.views import TASKS_WITH_CODE
from kiosk.steps.receipt import receipt_for, say_done

CONTEXT = ViewContext("change_pin", tasks=TASKS_WITH_CODE)
CARD, OLD, NEW = (CONTEXT.at(step, 3) for step in range(1, 4))


async def change_pin(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(context.go_to(CARD)) as card:
        await _lift_read_only(context, card)
        if (ended := await lead_to_hand_over(context.go_to(CARD), card)) is not None:
            return ended
        roles = await _which(
            context.ask, card.facts.pin(Role.SIGNATURE) is not None, one_code=card.facts.rules.one_code
        )
        await tell_untested(context.go_to(CARD), card.visit, roles)
        olds = {
            role: await prove_code(context.ask, card.visit, role, own_card_views.code(OLD, card.facts, role))
            for role in roles
        }
        codes = await change_codes(context.go_to(NEW), card, olds)
        results = [await prove_card(context.go_to(NEW), card.visit, codes[role], role) for role in roles]
        untested = first_reason(results)
        identity = Identification("card", card.whose.hsa_id)
        receipt = await receipt_for(context.go_to(CONTEXT), card.whose, identity, untested=untested)
        return await say_done(context.go_to(CONTEXT), receipt, *views.done(roles, untested), untested)


async def _lift_read_only(context: ErrandContext, card: OwnCard) -> None:
    """A card that only resembles a product which nobody has tried may be changed where an administrator answers for it. Raises
    StopError."""
    rules = card.facts.rules
    if rules.by_family and await context.ask(views.resembles_untried(CARD)) == "administrator":
        await mandate(context.go_to(CARD), card)
        card.visit.lift_read_only()
    refuse_read_only(CARD, card.facts)


async def _which(ask: Ask, two: bool, *, one_code: bool) -> tuple[Role, ...]:
    if not two:
        return (Role.IDENTIFICATION,)
    answer = await ask(views.which(CARD, one_code=one_code))
    return {
        "identification": (Role.IDENTIFICATION,),
        "signature": (Role.SIGNATURE,),
        "both": (Role.IDENTIFICATION, Role.SIGNATURE),
    }[answer]
