"""The register's word on a card and its holder, asked before either is believed or given anything.

Rules (docs/rules.md, "Who may"): held, blocked, returned, left, unknown: each stops with its own reason. Where nobody can be
asked the lists of revoked certificates, of stopped cards and of leavers have the word, as they came last.
"""

from drivers.reader.model import CardFacts
from fleet.messages.leavers import Stop
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import CardWord, NotFound, Unavailable
from kiosk.ports import Order
from kiosk.steps.capabilities import Capabilities
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity import card_status_views as views
from kiosk.steps.own_card import ask_register, is_listed_leaver

DEAD = ("blocked", "returned", "voided")
IN_USE = ("active", "handed_out")


async def check_own_card(context: ErrandContext, facts: CardFacts) -> CardWord | NotFound | Unavailable:
    """Of a card that is to say who somebody is. Raises StopError where it identifies nobody."""
    of = facts.holder.hsa_id if len(facts.holders) > 1 else ""
    match await ask_register(context.caps, facts.card_number, hsa_id=of):
        case CardWord() as word:
            if word.state not in IN_USE:
                raise views.own_card_stands(context, word.state)
            if word.holder != "here":
                raise views.holder_is(context, word.holder)
            return word
        case NotFound():
            raise context.stop("own_card_unknown", icon="smart-card-off-outline")
        case Unavailable() as away:
            if (stop := await context.caps.orders.listed_stop(c.der for c in facts.certificates)) is not None:
                raise views.own_card_stands(context, stop)
            await refuse_listed_leaver(context, facts)
            return away


async def check_new_card(context: ErrandContext, order: Order) -> None:
    """Of a card that is to be handed to its holder. Raises StopError where it may not be."""
    word = await ask_register(context.caps, order.card_number)
    judge_new_card(context, word)
    if isinstance(word, Unavailable):
        await require_recent_lists(context, order)


def judge_new_card(context: ViewContext, word: CardWord | NotFound | Unavailable) -> None:
    """The same, where the register has been asked. Raises StopError."""
    match word:
        case CardWord() as word:
            if word.state == "held" or word.state in DEAD:
                raise views.new_card_stands(context, word.state)
            if word.holder != "here":
                raise views.holder_is(context, word.holder)
        case NotFound():
            raise context.stop("new_card_unknown", icon="smart-card-off-outline")
        case Unavailable():
            return


async def require_recent_lists(context: ErrandContext, order: Order) -> None:
    """Raise StopError, where nobody can be asked, if the card is of level 3 and the lists may miss who was stopped
    since."""
    if order.loa == 3 and not await context.caps.orders.are_recent():
        raise context.stop("too_long_alone", ErrandOutcome.FAULT, icon="cloud-off-outline")


async def listed_new_card(caps: Capabilities, facts: CardFacts) -> Stop | None:
    """Why a new card that is in the reader may be handed to nobody, by the lists, where nobody can be asked."""
    stop = await caps.orders.listed_stop(c.der for c in facts.certificates)
    away = stop is not None and isinstance(await ask_register(caps, facts.card_number), Unavailable)
    return stop if away else None


async def refuse_listed_leaver(context: ErrandContext, facts: CardFacts) -> None:
    """Raise StopError, where nobody can be asked, if a certificate of who is acted for is on the list of leavers."""
    if await is_listed_leaver(context.caps, facts):
        raise views.holder_is(context, "left")
