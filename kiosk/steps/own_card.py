"""The holder's own card: met, named in the journal, and let go however the errand ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from drivers.reader.model import CardFacts, Holder
from fleet.messages.link import Delivery
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.issuer.ports import CardWord, NotFound, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Clock, Orders, Visit
from kiosk.steps import own_card_views as views
from kiosk.steps.capabilities import Capabilities, Ended
from kiosk.steps.card import Strangeness, ask_for_card
from kiosk.steps.card_views import not_handed_over, switched_off
from kiosk.steps.context import ErrandContext, Subject, ViewContext
from kiosk.views import Await

ASK_S = 1.5
"""So long a person waits for the register's word on a protected identity; without it no name is shown."""


SETTLED = ("active", "blocked", "returned", "voided")
"""States in the register of a card that is not to be handed over."""
HANDS_OVER: Mapping[Delivery, str] = {"post": "activate", "station": "pickup"}
"""The errand that hands a card over, by how it comes."""


@dataclass(slots=True)
class OwnCard:
    """The card that the errand is about. After a tear `visit` is another one, of the same card."""

    visit: Visit
    whose: Subject
    register: CardWord | NotFound | Unavailable
    """The word of directory and register on it."""
    people: tuple[PersonProof, ...] = ()
    """Whose proofs stand behind what is asked about it: the holder's, and of who attends."""

    @property
    def product(self) -> str:
        """As the register calls it; empty where it has said nothing."""
        return self.register.product if isinstance(self.register, CardWord) else ""

    @property
    def facts(self) -> CardFacts:
        """The facts of the card, as known now."""
        return self.visit.facts


@contextlib.asynccontextmanager
async def own_card(
    context: ErrandContext,
    insert: Callable[[ViewContext, Strangeness | None], Await] = views.insert,
    *,
    also_off: bool = False,
) -> AsyncIterator[OwnCard]:
    """Ask for the card, or take the one that is in, and say in the journal which it is.

    Raises what `ask` raises, and StopError where the region has switched such cards off, unless `also_off`: for errands that
    make a card safer.
    """
    visit = await ask_for_card(context.ask, context.caps.reader, lambda why: insert(context, why))
    assert not isinstance(visit, str), "the only other way out is to cancel"
    async with hold_card(context, visit) as card:
        if not also_off:
            refuse_switched_off(context, card.whose.card_number, card.product, card.facts.profile)
        yield card


@contextlib.asynccontextmanager
async def hold_card(context: ErrandContext, visit: Visit) -> AsyncIterator[OwnCard]:
    """A card that has been met is the one that the errand is about, from here until it is let go."""
    card = OwnCard(visit, Subject.of(visit.facts, protected=True), Unavailable())
    try:
        await context.log.about_card(card.whose.card_number, card.whose.hsa_id)
        if len(card.facts.holders) > 1 and (here := await find_present_holders(context.caps, card.facts)):
            await act_for(context, card, here[0].hsa_id)
        else:
            card.register = await ask_register(context.caps, card.whose.card_number)
        card.whose = Subject.of(visit.facts, protected=_protected(card.register))
        yield card
    finally:
        await card.visit.close()


async def act_for(context: ErrandContext, card: OwnCard, hsa_id: str) -> None:
    """The errand is about that one of the card's HSA-ids from here on: proof, receipt, journal, and the register's word."""
    card.visit.act_as(hsa_id)
    card.register = await ask_register(context.caps, card.whose.card_number, hsa_id=hsa_id)
    card.whose = Subject.of(card.facts, protected=_protected(card.register))
    await context.log.about_card(card.whose.card_number, card.whose.hsa_id)


async def find_present_holders(caps: Capabilities, facts: CardFacts) -> list[Holder]:
    """Return those of the card's holders whose certificate is of an issuer trusted here, and who have not left: by the
    register or, where nobody can be asked, by the list of leavers."""
    return [holder for holder in facts.holders if await _is_here(caps, facts.act_as(holder.hsa_id))]


async def _is_here(caps: Capabilities, facts: CardFacts) -> bool:
    certificate = facts.certificate("identification")
    if certificate is None or certificate.chain == "untrusted":
        return False
    match await ask_register(caps, facts.card_number, hsa_id=facts.holder.hsa_id):
        case CardWord(holder=holder):
            return holder == "here"
        case Unavailable():
            return not await is_listed_leaver(caps, facts)
        case NotFound():
            return True


async def is_listed_leaver(caps: Capabilities, facts: CardFacts) -> bool:
    """Return whether the holder whom the card acts for is on the list of leavers; the card's other employers are not
    asked about."""
    return await caps.orders.has_left(c.der for c in facts.certificates if c.names(facts.holder))


@contextlib.asynccontextmanager
async def time_limit(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """`asyncio.timeout` by the clock that is passed in. Raises TimeoutError."""

    async def expire(limit: asyncio.Timeout) -> None:
        await clock.sleep(seconds)
        limit.reschedule(0)

    async with asyncio.timeout(None) as limit:
        expiring = asyncio.create_task(expire(limit))
        try:
            yield
        finally:
            expiring.cancel()


async def ask_register(caps: Capabilities, card_number: str, *, hsa_id: str = "") -> CardWord | NotFound | Unavailable:
    """Return what directory and register say of a card, if they say it soon; not whose it is. `hsa_id`: of which of its
    holders, where it has several."""
    try:
        async with time_limit(caps.clock, ASK_S):
            return await caps.directory.state(card_number, hsa_id=hsa_id)
    except TimeoutError:
        return Unavailable("no_answer")


def _protected(register: CardWord | NotFound | Unavailable) -> bool:
    """Return whether the name may not be shown: also where nobody can be asked."""
    return not isinstance(register, CardWord) or register.protected


async def pending_hand_over(
    orders: Orders, register: CardWord | NotFound | Unavailable, card_number: str
) -> Delivery | None:
    """Return how a card comes to its holder, to whom it is still to be handed over. One that the register says is
    active, or was before its hold, was handed over elsewhere; one that is dead, or without any order that is known
    here, never will be."""
    if isinstance(register, CardWord) and (register.state in SETTLED or register.held_from == "active"):
        return None
    return await orders.pending_hand_over(card_number)


async def lead_to_hand_over(context: ErrandContext, card: OwnCard) -> Ended | None:
    """Before a code is set: how the errand ends, with the one that goes on, where the card is not handed over yet; else None."""
    pending = await pending_hand_over(context.caps.orders, card.register, card.whose.card_number)
    if pending is None:
        return None
    errand = HANDS_OVER[pending] if context.caps.region.has_errand(HANDS_OVER[pending]) else None
    offered = errand is not None and context.caps.machine is not None and context.caps.machine.missing(errand) is None
    goes_on = await context.ask(not_handed_over(context, errand, offered=offered)) == "hand_over"
    return await context.end("not_handed_over", ErrandOutcome.REFUSED, then=errand or "" if goes_on else "")


def refuse_read_only(context: ViewContext, facts: CardFacts) -> None:
    """Before any code is typed. Raises StopError where nobody has tried the product on a real card."""
    if facts.rules.read_only:
        raise context.stop("read_only")


def refuse_switched_off(context: ErrandContext, card_number: str, *products: str) -> None:
    """Raises StopError where the number is in a batch, or one of the products is one, that the region has switched off."""
    named = [
        context.caps.switches.off(card_number=card_number),
        *(context.caps.switches.off(product=product) for product in products if product),
    ]
    off = next((switch for switch in named if switch is not None), None)
    if off is not None:
        raise switched_off(context, off)
