"""Ways to unlock a card: its holder with the PUK, an ID administrator who attends, or a new letter.

Rules (docs/rules.md, "Which product may be unlocked"): said before anything is typed. Where the chip does not tell who may unlock
the card, the register's word on the product does, else the code that is printed on the card; what a code means is the region's
data. A card that is out of use, a leaver's and a reserve card get no new code without the envelope.
"""

from typing import Literal

from drivers.reader.outcomes import Role
from kiosk.errands.unblock import views
from kiosk.issuer.ports import CardWord, Unavailable
from kiosk.region import RegionSettings
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.card import wait_until_empty
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity.card_status import DEAD
from kiosk.steps.identity.card_status_views import holder_is
from kiosk.steps.own_card import OwnCard, ask_register
from kiosk.steps.pin.by_administrator import insert_again
from kiosk.steps.pin.by_administrator_views import log_in_at_the_server
from kiosk.steps.pin.letter_views import without
from kiosk.steps.pin.unlocking import refuse_unsendable_puk

Unlocker = Literal["holder", "administrator"]


async def choose_way(context: ErrandContext, card: OwnCard, roles: tuple[Role, ...]) -> str:
    """Return how this card is unlocked (`unblock`, `administrator`, `letter`), before anything is typed. Where one code
    is locked and its holder may unlock it, the PUK is asked for at once: whoever is here said so, and has it at
    hand. Raises StopError."""
    puk, rules = card.facts.pin(Role.PUK), card.facts.rules
    unsendable = puk is not None and (puk.state == "locked" or puk.below_floor)
    if unsendable and not rules.administrable:
        refuse_unsendable_puk(views.CARD, card.facts)
    if rules.unblocking == "nobody" or (puk is not None and not puk.can_be_typed):
        raise views.CARD.stop("not_unblockable", icon="lock-alert-outline")
    if unsendable or await _who_may(context, card) == "administrator":
        refuse_new_codes(card)
        way = await context.ask(views.administrator_only(views.CARD))
    else:
        locked = any(card.facts.is_locked(role) for role in roles)
        if locked and len(roles) == 1:
            return "unblock"
        way = await context.ask(views.locked(views.CARD) if locked else views.not_locked(views.CARD))
        if way == "no_envelope":
            return await choose_without(context, card)
    if way == "administrator":
        await _find_issuer(context.caps, card)
    return way


async def choose_without(context: ErrandContext, card: OwnCard) -> str:
    """As `choose_way`, for who has no letter."""
    refuse_new_codes(card)
    way = await context.ask(without(views.CARD))
    if way == "administrator":
        await _find_issuer(context.caps, card)
    return way


async def _who_may(context: ErrandContext, card: OwnCard) -> Unlocker:
    """By the chip, the register's product, or what the person reads on the card."""
    match card.facts.rules.unblocking:
        case "printed":
            return unlocker_of(context.caps.region, card.product) or await _read_on_card(context, card)
        case "holder":
            return "holder"
        case _:
            return "administrator"


async def _read_on_card(context: ErrandContext, card: OwnCard) -> Unlocker:
    """The card comes out, is read, and goes in again: nobody reads the back of a card in a reader."""
    await card.visit.close()
    await context.ask(views.take_to_read(views.CARD), until=wait_until_empty(context.caps.reader))
    rules = context.caps.region.product_codes
    code = await context.ask(views.product_code(views.CARD, tuple(rule.code for rule in rules)))
    card.visit = await insert_again(context.go_to(views.CARD), card)
    return next((rule.by for rule in rules if rule.code == code), "administrator")


def unlocker_of(region: RegionSettings, product: str) -> Unlocker | None:
    """Return who unlocks cards of that product code; None where no rule of the region names it."""
    return next((rule.by for rule in region.product_codes if rule.fits(product)), None)


def refuse_new_codes(card: OwnCard) -> None:
    """Raises StopError where the card gets no new code but by the envelope that its holder has."""
    word = card.register
    if not isinstance(word, CardWord):
        return
    if word.state == "held" or word.state in DEAD:
        raise views.out_of_use(views.CARD, is_held=word.state == "held")
    if word.holder != "here":
        raise holder_is(views.CARD, word.holder)
    if word.reserve:
        raise views.CARD.stop("unblock_reserve", icon="smart-card-off-outline")


async def _find_issuer(caps: Capabilities, card: OwnCard) -> None:
    """Before an administrator is asked for a code in vain. Raises StopError where issuer or server are away."""
    if isinstance(card.register, Unavailable):
        card.register = await ask_register(caps, card.whose.card_number)
    if isinstance(card.register, Unavailable):
        raise log_in_at_the_server(views.CARD)
    refuse_new_codes(card)
